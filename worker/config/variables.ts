/**
 * Every environment variable there is, in groups. Names that Dify has keep Dify's name and meaning; new ones start with
 * MILLRACE_. `docs/reference/environment.md` is generated from this file.
 */
import { poolNames } from '../queues.ts';
import { countedWord, decimal, flag, integer, list, oneOf, port, text } from './variable.ts';

const process = {
  MODE: oneOf(
    'api',
    'worker',
    'beat',
    'migrate',
    'job',
    'all',
  )({
    default: 'all',
    doc: 'What this process does. `all` is the embedded default: API, worker and beat in one process tree.',
  }),
  DIFY_BIND_ADDRESS: text({
    doc: 'Address the API listens on. Unset: 127.0.0.1 in mode `all`, 0.0.0.0 otherwise.',
  }),
  DIFY_PORT: port(0)({ default: 5001, doc: 'Port of the API; 0 takes any free port and prints it.' }),
  HEALTH_PORT: port(0)({
    default: 9101,
    doc: 'Port of `/healthz`, `/readyz` and `/metrics` in every mode without an API; 0 takes any free port and prints it.',
  }),
  MIGRATION_ENABLED: flag({
    default: true,
    doc: 'Migrate the database at start, under a lock. With false the process waits 60 s for the schema, then exits 78.',
  }),
  MILLRACE_HOME: text({
    default: '.millrace',
    doc: 'Data folder of the embedded default: database, Redis, files, API key.',
  }),
  MILLRACE_GRACE_SECONDS: integer(
    0,
    3600,
    'seconds',
  )({
    default: 30,
    doc: 'How long a stopping process lets running tasks finish before it hands them back.',
  }),
  MILLRACE_SAMPLE_TASKS: flag({ default: false, doc: 'Registers the sample tasks for load and fault tests.' }),
  MILLRACE_FAILPOINT: countedWord(
    'accepted',
    'marked_queued',
    'fetched',
    'claimed',
    'effect_committed',
    'end_committed',
  )({
    doc: "For fault tests only, and refused without `MILLRACE_SAMPLE_TASKS`: the process kills itself when it comes to this place on a task's way for the `count`th time.",
  }),
} as const;

const access = {
  MILLRACE_API_KEY: text({
    secret: true,
    doc: 'The API key of the default tenant, at least 16 characters. Unset in mode `all`: one is made at first start and kept in `$MILLRACE_HOME/api-key`.',
  }),
  MILLRACE_URL: text({
    doc: 'For commands: where the API is, as `http://127.0.0.1:5001`. Unset: where the embedded Millrace of `MILLRACE_HOME` says, else that address.',
  }),
  UPLOAD_FILE_SIZE_LIMIT: integer(1, 4096, 'MB')({ default: 200, doc: 'Largest file the API takes in.' }),
  MILLRACE_RATE_LIMIT: integer(
    0,
    10_000_000,
    'requests a minute',
  )({
    default: 0,
    doc: 'Requests a minute an API key may send to one process; 0 is no limit.',
  }),
} as const;

const worker = {
  CELERY_QUEUES: list({ doc: 'Queues this worker consumes. Unset: those of `MILLRACE_POOL`, else all of them.' }),
  MILLRACE_POOL: oneOf(...poolNames)({
    doc: 'The pool this worker is of: it consumes the queues that docs/reference/queues.md names. Where `CELERY_QUEUES` is set too, it must name the same queues.',
  }),
  CELERY_WORKER_AMOUNT: integer(
    1,
    1000,
    'slots',
  )({
    doc: 'Tasks a worker process runs side by side. Unset: `CELERY_WORKER_CONCURRENCY`.',
  }),
  CELERY_WORKER_CONCURRENCY: integer(1, 1000, 'slots')({ default: 4, doc: "AIECS's name for `CELERY_WORKER_AMOUNT`." }),
  CELERY_AUTO_SCALE: flag({
    default: false,
    doc: 'Sets the slots between `CELERY_MIN_WORKERS` and `CELERY_MAX_WORKERS` by what waits, for how long, and how the event loop fares.',
  }),
  CELERY_MAX_WORKERS: integer(
    1,
    1000,
    'slots',
  )({
    doc: 'Slots a worker process has at most with `CELERY_AUTO_SCALE`. Unset: one for each CPU.',
  }),
  CELERY_MIN_WORKERS: integer(1, 1000, 'slots')({ default: 1, doc: 'Slots it has at least, and starts with.' }),
  MILLRACE_API_REPLICAS: integer(
    0,
    1000,
    'processes',
  )({
    doc: 'Processes in mode `api` on the same Redis and Postgres, for the connection budget that is checked at start. Unset: 1, and 0 in mode `all`.',
  }),
  MILLRACE_WORKER_REPLICAS: integer(
    0,
    1000,
    'processes',
  )({
    doc: 'The same of processes in mode `worker`.',
  }),
  MILLRACE_WINDOW: integer(
    10,
    100_000,
    'jobs',
  )({
    default: 5000,
    doc: 'Durable jobs of a queue that wait in Redis at most; the rest waits in Postgres, so that Redis stays small and tenants get their turns.',
  }),
  MILLRACE_RATE_LIMITS: list({
    doc: 'Tasks that a queue starts at most, as `mail=10/s, plugin=600/m`: second, minute or hour. Unset: no limit.',
  }),
  MILLRACE_TENANT_RATE_LIMITS: list({
    doc: 'The same for each tenant by itself: `workflow=5/s`.',
  }),
  TENANT_ISOLATED_TASK_CONCURRENCY: integer(
    1,
    100_000,
    'tasks',
  )({
    doc: 'Tasks a tenant has in a queue at once, of those that bind tenants (indexing). Unset: 1, and no bound in mode `all`.',
  }),
  CELERY_WORKER_CLASS: oneOf(
    'async',
    'gevent',
    'eventlet',
    'threads',
    'prefork',
    'solo',
  )({
    default: 'async',
    doc: 'Where handlers run: `async` side by side on the event loop (`gevent` and `eventlet` mean the same), `threads` each in a thread, `prefork` each in a child process, `solo` one at a time on the loop. `threads` and `prefork` want Postgres.',
  }),
  MAX_TASKS_PER_CHILD: integer(
    0,
    1_000_000,
    'tasks',
  )({
    default: 50,
    doc: 'Tasks after which a thread or child that runs handlers is replaced; 0 is never.',
  }),
  MILLRACE_MAX_MEMORY_PER_CHILD: integer(
    128,
    65_536,
    'MB',
  )({
    default: 1024,
    doc: 'Memory past which such a thread or child is replaced when its task is done. Its heap ends there; at twice as much it is killed.',
  }),
  MILLRACE_RESULT_TTL: integer(
    60,
    315_360_000,
    'seconds',
  )({
    default: 604_800,
    doc: 'How long a finished task is kept and its id answered for.',
  }),
} as const;

/** Flags of the platform's schedules, by its names. */
const scheduled = (task: string, initial: boolean) =>
  flag({
    default: initial,
    doc: `Fires the schedule of \`${task}\`. Without its task in this release it is listed and not fired.`,
  });

const beat = {
  CELERY_BEAT_SCHEDULER_TIME: integer(
    1,
    31,
    'days',
  )({
    default: 1,
    doc: 'Days of the month between two runs of the daily cleaning tasks: 2 is every other day, counted from the first.',
  }),
  WORKFLOW_SCHEDULE_POLLER_INTERVAL: integer(
    1,
    1440,
    'minutes',
  )({
    default: 1,
    doc: 'How often due workflow schedules are looked for.',
  }),
  QUEUE_MONITOR_INTERVAL: integer(1, 1440, 'minutes')({ default: 30, doc: 'How often the queue monitor looks.' }),
  QUEUE_MONITOR_THRESHOLD: integer(
    1,
    100_000_000,
    'tasks',
  )({
    default: 200,
    doc: 'Waiting tasks of a queue from which the queue monitor tells of it.',
  }),
  ENABLE_CLEAN_EMBEDDING_CACHE_TASK: scheduled('clean_embedding_cache_task', false),
  ENABLE_CLEAN_UNUSED_DATASETS_TASK: scheduled('clean_unused_datasets_task', false),
  ENABLE_CREATE_TIDB_SERVERLESS_TASK: scheduled('create_tidb_serverless_task', false),
  ENABLE_UPDATE_TIDB_SERVERLESS_STATUS_TASK: scheduled('update_tidb_serverless_status_task', false),
  ENABLE_CLEAN_MESSAGES: scheduled('clean_messages', false),
  ENABLE_MAIL_CLEAN_DOCUMENT_NOTIFY_TASK: scheduled('mail_clean_document_notify_task', false),
  ENABLE_DATASETS_QUEUE_MONITOR: scheduled('datasets_queue_monitor', false),
  ENABLE_CHECK_UPGRADABLE_PLUGIN_TASK: scheduled('check_upgradable_plugin_task', true),
  ENABLE_WORKFLOW_SCHEDULE_POLLER_TASK: scheduled('workflow_schedule_poller_task', true),
  ENABLE_TRIGGER_PROVIDER_REFRESH_TASK: scheduled('trigger_provider_refresh', true),
  ENABLE_HUMAN_INPUT_TIMEOUT_TASK: scheduled('human_input_form_timeout.check_and_resume', true),
  WORKFLOW_LOG_CLEANUP_ENABLED: scheduled('clean_workflow_runlogs_precise', false),
  ENABLE_CLEAN_OAUTH_ACCESS_TOKENS_TASK: scheduled('clean_oauth_access_tokens_task', true),
  MILLRACE_BEAT_REPLICAS: integer(
    0,
    1000,
    'processes',
  )({
    doc: 'Processes in mode `beat` on the same Redis and Postgres, for the connection budget. Unset: 1 in mode `beat`, else 0.',
  }),
} as const;

const redis = {
  REDIS_HOST: text({ doc: 'Redis server. Unset in mode `all`: a private Redis is started.' }),
  REDIS_PORT: port()({ default: 6379, doc: 'Port of the Redis server.' }),
  REDIS_USERNAME: text({ doc: 'ACL user name.' }),
  REDIS_PASSWORD: text({ secret: true, doc: 'Password of the Redis server.' }),
  REDIS_DB: integer(0, 15)({ default: 0, doc: 'Database of the cache and events roles.' }),
  CELERY_BROKER_URL: text({
    secret: true,
    doc: 'Where the queues stand: `redis://`, `rediss://`, or `sentinel://host:26379/1;sentinel://…`. Unset: `REDIS_HOST`, database 1.',
  }),
  REDIS_URL: text({ secret: true, doc: "AIECS's name for `CELERY_BROKER_URL`." }),
  REDIS_USE_SSL: flag({ default: false, doc: 'Speak TLS to Redis.' }),
  REDIS_SSL_CA_CERTS: text({ doc: 'Path of the CA certificate of Redis (PEM).' }),
  REDIS_SSL_CERTFILE: text({ doc: 'Path of the client certificate (PEM).' }),
  REDIS_SSL_KEYFILE: text({ doc: "Path of the client certificate's key (PEM)." }),
  REDIS_USE_SENTINEL: flag({ default: false, doc: 'Find the Redis master through sentinels.' }),
  REDIS_SENTINELS: list({ doc: 'Sentinels, `host:port,host:port`.' }),
  REDIS_SENTINEL_SERVICE_NAME: text({ doc: 'Name under which the sentinels watch the master.' }),
  REDIS_SENTINEL_USERNAME: text({ doc: 'ACL user name for the sentinels.' }),
  REDIS_SENTINEL_PASSWORD: text({ secret: true, doc: 'Password of the sentinels.' }),
  CELERY_USE_SENTINEL: flag({ default: false, doc: 'The broker URL names sentinels.' }),
  CELERY_SENTINEL_MASTER_NAME: text({ doc: 'Name of the master, for `CELERY_BROKER_URL`.' }),
  CELERY_SENTINEL_PASSWORD: text({ secret: true, doc: 'Password of the sentinels, for `CELERY_BROKER_URL`.' }),
  REDIS_USE_CLUSTERS: flag({ default: false, doc: 'Redis is a cluster.' }),
  REDIS_CLUSTERS: list({ doc: 'Cluster nodes to begin with, `host:port,host:port`.' }),
  REDIS_CLUSTERS_PASSWORD: text({ secret: true, doc: 'Password of the cluster.' }),
} as const;

const database = {
  DB_TYPE: text({ default: 'postgresql', doc: 'Only `postgresql`.' }),
  DB_HOST: text({ doc: 'Postgres server. Unset in mode `all`: an embedded PGlite is used.' }),
  DB_PORT: port()({ default: 5432, doc: 'Port of the Postgres server.' }),
  DB_USERNAME: text({ default: 'postgres', doc: 'Database role.' }),
  DB_PASSWORD: text({ secret: true, doc: 'Password of the role.' }),
  DB_DATABASE: text({ default: 'millrace', doc: 'Database name.' }),
  MILLRACE_DB_SSL_MODE: oneOf(
    'disable',
    'verify-ca',
    'verify-full',
  )({
    default: 'disable',
    doc: 'TLS to Postgres, in its own words: `verify-full` wants a certificate of the CA for the name or address in `DB_HOST`, `verify-ca` one of the CA.',
  }),
  MILLRACE_DB_SSL_CA_CERTS: text({
    doc: 'Path of the CA certificate of Postgres (PEM). Unset: the public CAs that Node knows.',
  }),
  SQLALCHEMY_POOL_SIZE: integer(1, 1000, 'connections')({ default: 30, doc: 'Connections a process keeps.' }),
  SQLALCHEMY_MAX_OVERFLOW: integer(0, 1000, 'connections')({ default: 10, doc: 'Connections it may open besides.' }),
  SQLALCHEMY_POOL_RECYCLE: integer(
    0,
    86_400,
    'seconds',
  )({ default: 3600, doc: 'Age at which a connection is replaced; 0 is never.' }),
  SQLALCHEMY_POOL_TIMEOUT: decimal(
    0.1,
    600,
    'seconds',
  )({ default: 30, doc: 'How long a caller waits for a free connection.' }),
  MILLRACE_STATEMENT_TIMEOUT: decimal(0.1, 3600, 'seconds')({ default: 30, doc: 'Bound on every SQL statement.' }),
} as const;

const storage = {
  STORAGE_TYPE: oneOf('opendal')({ default: 'opendal', doc: 'How files are stored.' }),
  OPENDAL_SCHEME: text({
    default: 'fs',
    doc: 'OpenDAL service: `fs`, `s3`, …. Its own options are given as `OPENDAL_<SCHEME>_<OPTION>`, as `OPENDAL_S3_BUCKET`.',
  }),
  OPENDAL_FS_ROOT: text({
    doc: 'Folder of the `fs` service. Unset: `$MILLRACE_HOME/storage` in mode `all`, else `storage`.',
  }),
} as const;

const indexing = {
  MILLRACE_EMBEDDING_PROVIDER: oneOf(
    'embedded',
    'openai_compatible',
  )({
    default: 'embedded',
    doc: 'Who embeds: a model in this process (English, 512 dimensions), or an OpenAI-compatible endpoint.',
  }),
  MILLRACE_EMBEDDING_BASE_URL: text({
    doc: 'Endpoint, as `http://127.0.0.1:8080/v1`; needed for `openai_compatible`.',
  }),
  OPENAI_API_KEY: text({ secret: true, doc: 'Key sent to the endpoint.' }),
  MILLRACE_EMBEDDING_MODEL: text({ doc: 'Model name; needed for `openai_compatible`.' }),
  MILLRACE_EMBEDDING_DIMENSIONS: integer(1, 4000)({ doc: 'Length of its vectors; needed for `openai_compatible`.' }),
  MILLRACE_EMBEDDING_BATCH_SIZE: integer(1, 2048, 'texts')({ default: 64, doc: 'Texts sent in one call.' }),
  MILLRACE_EMBEDDING_TIMEOUT: decimal(0.1, 600, 'seconds')({ default: 30, doc: 'Bound on one call.' }),
  MILLRACE_EMBEDDING_REQUESTS_PER_MINUTE: integer(
    0,
    1_000_000,
  )({ default: 0, doc: 'Calls a minute at most; 0 is no limit.' }),
  MILLRACE_EMBEDDING_THREADS: integer(
    1,
    64,
    'threads',
  )({
    default: 1,
    doc: 'Threads of the embedded model; each takes about 500 MB while in use.',
  }),
  MILLRACE_PARSE_MEMORY_MB: integer(
    128,
    65_536,
    'MB',
  )({ default: 512, doc: 'Memory the parser of one document may take.' }),
  MILLRACE_PARSE_TIMEOUT: integer(
    1,
    3600,
    'seconds',
  )({
    default: 60,
    doc: 'Time the parser of one document may take, besides one second a megabyte.',
  }),
} as const;

const telemetry = {
  LOG_LEVEL: oneOf(
    'DEBUG',
    'INFO',
    'WARNING',
    'ERROR',
    'CRITICAL',
  )({ default: 'INFO', doc: 'The least level that is logged.' }),
  LOG_FILE: text({
    doc: 'File that gets each line of the log too, as JSON; processes may share it. In the kit: below `/app/logs`.',
  }),
  LOG_FILE_MAX_SIZE: integer(1, 10_000, 'MB')({ default: 20, doc: 'Size at which `LOG_FILE` is rotated.' }),
  LOG_FILE_BACKUP_COUNT: integer(
    1,
    1000,
    'files',
  )({ default: 5, doc: 'Rotated files that are kept: `.1` the newest.' }),
} as const;

export const variableGroups = {
  Process: process,
  'Access and API': access,
  Worker: worker,
  Beat: beat,
  Redis: redis,
  Database: database,
  Storage: storage,
  Indexing: indexing,
  Telemetry: telemetry,
} as const;

export const variables = {
  ...process,
  ...access,
  ...worker,
  ...beat,
  ...redis,
  ...database,
  ...storage,
  ...indexing,
  ...telemetry,
} as const;

export type VariableName = keyof typeof variables;

export function isVariable(name: string): name is VariableName {
  return Object.hasOwn(variables, name);
}
