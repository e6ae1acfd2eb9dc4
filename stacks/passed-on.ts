/** Settings of an operator that are handed to containers as they are. One that is unset or empty is not handed on. */

/** Variables by name. */
export type Values = Readonly<Record<string, string | undefined>>;

/** To every process of the worker image, migrations among them. */
const everywhere = [
  'LOG_LEVEL',
  'LOG_FILE',
  'LOG_FILE_MAX_SIZE',
  'LOG_FILE_BACKUP_COUNT',
  'MILLRACE_SAMPLE_TASKS',
  'MILLRACE_WINDOW',
  'MILLRACE_RATE_LIMITS',
  'MILLRACE_TENANT_RATE_LIMITS',
  'TENANT_ISOLATED_TASK_CONCURRENCY',
  'MILLRACE_RESULT_TTL',
  'SQLALCHEMY_POOL_RECYCLE',
  'SQLALCHEMY_POOL_TIMEOUT',
  'MILLRACE_STATEMENT_TIMEOUT',
] as const;

/** To who reaches files and endpoints. */
const outward = [
  'STORAGE_TYPE',
  'OPENDAL_SCHEME',
  'OPENDAL_S3_BUCKET',
  'OPENDAL_S3_REGION',
  'OPENDAL_S3_ENDPOINT',
  'OPENDAL_S3_ROOT',
  'OPENDAL_S3_ACCESS_KEY_ID',
  'MILLRACE_EMBEDDING_PROVIDER',
  'MILLRACE_EMBEDDING_BASE_URL',
  'MILLRACE_EMBEDDING_MODEL',
  'MILLRACE_EMBEDDING_DIMENSIONS',
  'MILLRACE_EMBEDDING_BATCH_SIZE',
  'MILLRACE_EMBEDDING_TIMEOUT',
  'MILLRACE_EMBEDDING_REQUESTS_PER_MINUTE',
  'MILLRACE_EMBEDDING_THREADS',
] as const;

const api = ['UPLOAD_FILE_SIZE_LIMIT', 'MILLRACE_RATE_LIMIT'] as const;

const worker = [
  'CELERY_QUEUES',
  'CELERY_WORKER_AMOUNT',
  'CELERY_WORKER_CONCURRENCY',
  'CELERY_AUTO_SCALE',
  'CELERY_MAX_WORKERS',
  'CELERY_MIN_WORKERS',
  'CELERY_WORKER_CLASS',
  'MAX_TASKS_PER_CHILD',
  'MILLRACE_MAX_MEMORY_PER_CHILD',
  'MILLRACE_PARSE_MEMORY_MB',
  'MILLRACE_PARSE_TIMEOUT',
  'MILLRACE_FAILPOINT',
] as const;

const beat = [
  'CELERY_BEAT_SCHEDULER_TIME',
  'WORKFLOW_SCHEDULE_POLLER_INTERVAL',
  'QUEUE_MONITOR_INTERVAL',
  'QUEUE_MONITOR_THRESHOLD',
  'ENABLE_CLEAN_EMBEDDING_CACHE_TASK',
  'ENABLE_CLEAN_UNUSED_DATASETS_TASK',
  'ENABLE_CREATE_TIDB_SERVERLESS_TASK',
  'ENABLE_UPDATE_TIDB_SERVERLESS_STATUS_TASK',
  'ENABLE_CLEAN_MESSAGES',
  'ENABLE_MAIL_CLEAN_DOCUMENT_NOTIFY_TASK',
  'ENABLE_DATASETS_QUEUE_MONITOR',
  'ENABLE_CHECK_UPGRADABLE_PLUGIN_TASK',
  'ENABLE_WORKFLOW_SCHEDULE_POLLER_TASK',
  'ENABLE_TRIGGER_PROVIDER_REFRESH_TASK',
  'ENABLE_HUMAN_INPUT_TIMEOUT_TASK',
  'WORKFLOW_LOG_CLEANUP_ENABLED',
  'ENABLE_CLEAN_OAUTH_ACCESS_TOKENS_TASK',
] as const;

/** Secrets of the operator's own: the one-shot `secrets` takes them from compose/.env; containers get the file's name. */
const secretFiles = {
  OPENDAL_S3_SECRET_ACCESS_KEY: 'opendal_s3_secret_access_key',
  OPENAI_API_KEY: 'openai_api_key',
} as const;

/** Connections: together within what Postgres has room for, with as many workers as the budget counts. */
const connections = { SQLALCHEMY_POOL_SIZE: '10', SQLALCHEMY_MAX_OVERFLOW: '10' } as const;
const mostWorkers = '8';

/** By who gets it. */
export interface PassedOn {
  readonly migrate: Readonly<Record<string, string>>;
  readonly api: Readonly<Record<string, string>>;
  readonly worker: Readonly<Record<string, string>>;
  readonly beat: Readonly<Record<string, string>>;
}

function chosen(values: Values, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = values[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
}

/** What each process is handed of an operator's settings. */
export function passedOn(values: Values): PassedOn {
  const all = {
    ...connections,
    ...chosen(values, [...everywhere, ...Object.keys(connections)]),
    // one API and one beat; workers are counted ahead, so that none that runs is replaced when others come
    MILLRACE_API_REPLICAS: '1',
    MILLRACE_BEAT_REPLICAS: '1',
    MILLRACE_WORKER_REPLICAS: values.MILLRACE_MAX_WORKERS || mostWorkers,
  };
  const files = Object.entries(secretFiles).flatMap(([name, file]) =>
    values[name] ? [[`${name}_FILE`, `/run/secrets/millrace/${file}`]] : [],
  );
  const reaching = { ...all, ...chosen(values, outward), ...Object.fromEntries(files) };
  return {
    migrate: all,
    api: { ...reaching, ...chosen(values, api) },
    worker: { ...reaching, ...chosen(values, worker) },
    beat: { ...all, ...chosen(values, beat) },
  };
}
