/** The configuration of a process: the environment, checked as a whole, in the shapes that the rooms take. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { isQueueName, type PoolName, type QueueName, queueNames, queuesOfPool } from '../queues.ts';
import { type DatabaseTarget, databaseTarget } from './database-target.ts';
import { configError, type Environment, givenValue, inspectEnvironment, type RawEnvironment } from './environment.ts';
import { type RedisTargets, redisTargets } from './redis-target.ts';
import { minApiKeyChars } from './variables/access.ts';
import { isVariable } from './variables/index.ts';

export type { DatabaseTarget };

export type EmbeddingSettings =
  | { readonly provider: 'embedded'; readonly threads: number }
  | {
      readonly provider: 'openai_compatible';
      readonly baseUrl: string;
      readonly apiKey: string | undefined;
      readonly model: string;
      readonly dimensions: number;
      readonly batchSize: number;
      readonly timeoutMs: number;
      /** 0 is no limit. */
      readonly requestsPerMinute: number;
    };

export interface Config {
  readonly mode: Environment['MODE'];
  /** Absolute path of the data folder of the embedded default. */
  readonly home: string;
  readonly migrate: boolean;
  readonly graceMs: number;
  readonly sampleTasks: boolean;
  /** Where this process kills itself; for fault tests. */
  readonly failpoint: Failpoint | undefined;
  readonly api: {
    readonly host: string;
    readonly port: number;
    readonly key: string | undefined;
    readonly uploadLimitBytes: number;
    /** Requests a minute and key; 0 is no limit. */
    readonly rateLimit: number;
  };
  readonly healthPort: number;
  /** Processes of each mode that share Redis and Postgres with this one, itself included: what the connection budget counts. */
  readonly replicas: { readonly api: number; readonly worker: number; readonly beat: number; readonly all: number };
  /** What of the backlog stands in Redis. */
  readonly window: {
    readonly size: number;
    readonly isolatedPerTenant: number;
    readonly rates: { readonly queues: RatesByQueue; readonly tenants: RatesByQueue };
  };
  readonly worker: {
    /** Undefined: it consumes `queues` without being of a pool. */
    readonly pool: PoolName | undefined;
    readonly queues: readonly QueueName[];
    /** At most. */
    readonly slots: number;
    /** Undefined: always `slots` of them. */
    readonly autoscale: { readonly min: number; readonly max: number } | undefined;
    readonly workerClass: WorkerClass;
    readonly maxTasksPerChild: number;
    readonly maxMemoryPerChildMib: number;
  };
  /** The platform's schedules: which are on, and how often. */
  readonly beat: {
    readonly flags: ScheduleFlags;
    readonly everyDays: number;
    readonly pollerMinutes: number;
    readonly queueMonitor: { readonly everyMinutes: number; readonly threshold: number };
  };
  readonly resultTtlSeconds: number;
  /** Undefined: start a private one (mode `all`). */
  readonly redis: RedisTargets | undefined;
  /** Undefined: PGlite in the data folder (mode `all`). */
  readonly database: DatabaseTarget | undefined;
  readonly storage: { readonly scheme: string; readonly options: Readonly<Record<string, string>> };
  readonly embedding: EmbeddingSettings;
  readonly parsing: { readonly memoryBytes: number; readonly baseTimeMs: number };
  /** Undefined: standard output only. */
  readonly logFile: { readonly path: string; readonly maxBytes: number; readonly backups: number } | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
}

/** The place on a task's way, and the time of coming there, at which a process kills itself. */
export type Failpoint = NonNullable<Environment['MILLRACE_FAILPOINT']>;
export type FailpointName = Failpoint['name'];

/** Where handlers run (docs/guides/worker-classes.md). */
export type WorkerClass = 'async' | 'solo' | 'threads' | 'prefork';

/** Tasks a second that queues may start. */
type RatesByQueue = ReadonlyMap<QueueName, { readonly perSecond: number }>;

const logLevels = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error', CRITICAL: 'fatal' } as const;

function embeddingSettings(env: Environment, faults: string[]): EmbeddingSettings {
  if (env.MILLRACE_EMBEDDING_PROVIDER === 'embedded')
    return { provider: 'embedded', threads: env.MILLRACE_EMBEDDING_THREADS };
  for (const name of [
    'MILLRACE_EMBEDDING_BASE_URL',
    'MILLRACE_EMBEDDING_MODEL',
    'MILLRACE_EMBEDDING_DIMENSIONS',
  ] as const) {
    if (env[name] === undefined) faults.push(`${name}: needed with MILLRACE_EMBEDDING_PROVIDER=openai_compatible`);
  }
  const baseUrl = env.MILLRACE_EMBEDDING_BASE_URL ?? '';
  if (baseUrl !== '' && !/^https?:\/\//.test(baseUrl))
    faults.push('MILLRACE_EMBEDDING_BASE_URL: expected an http:// or https:// URL');
  return {
    provider: 'openai_compatible',
    baseUrl,
    apiKey: env.OPENAI_API_KEY,
    model: env.MILLRACE_EMBEDDING_MODEL ?? '',
    dimensions: env.MILLRACE_EMBEDDING_DIMENSIONS ?? 0,
    batchSize: env.MILLRACE_EMBEDDING_BATCH_SIZE,
    timeoutMs: env.MILLRACE_EMBEDDING_TIMEOUT * 1000,
    requestsPerMinute: env.MILLRACE_EMBEDDING_REQUESTS_PER_MINUTE,
  };
}

function storageSettings(env: Environment, raw: RawEnvironment, home: string, faults: string[]): Config['storage'] {
  const scheme = env.OPENDAL_SCHEME;
  const prefix = `OPENDAL_${scheme.toUpperCase()}_`;
  const options: Record<string, string> = {};
  const given = Object.keys(raw).filter((name) => name.startsWith(prefix));
  for (const name of new Set(given.map((name) => name.replace(/_FILE$/, '')))) {
    // declared ones were read, and their faults found, with all the others
    const value = givenValue(name, raw, isVariable(name) ? [] : faults);
    if (value !== undefined) options[name.slice(prefix.length).toLowerCase()] = value;
  }
  if (scheme === 'fs') {
    options.root = resolve(env.OPENDAL_FS_ROOT ?? (env.MODE === 'all' ? resolve(home, 'storage') : 'storage'));
  }
  return { scheme, options };
}

function consumedQueues(env: Environment, faults: string[]): QueueName[] {
  const pool = env.MILLRACE_POOL;
  const ofPool = pool === undefined ? undefined : queuesOfPool(pool);
  if (env.CELERY_QUEUES === undefined) return ofPool ?? queueNames;
  const unknown = env.CELERY_QUEUES.filter((name) => !isQueueName(name));
  if (unknown.length > 0) {
    faults.push(
      `CELERY_QUEUES: no such ${unknown.length === 1 ? 'queue' : 'queues'}: ${unknown.join(', ')}; there are ${queueNames.join(', ')}`,
    );
  }
  if (env.CELERY_QUEUES.length === 0) faults.push('CELERY_QUEUES: expected at least one queue, or unset it for all');
  const named = new Set(env.CELERY_QUEUES.filter(isQueueName));
  // workers of a pool consume the same queues, or its name says nothing
  if (ofPool && (unknown.length > 0 || named.symmetricDifference(new Set(ofPool)).size > 0)) {
    faults.push(
      `MILLRACE_POOL: expected CELERY_QUEUES to name the queues of the pool ${pool} (${ofPool.join(', ')}), instead got ${env.CELERY_QUEUES.join(', ')}; unset one of the two`,
    );
  }
  return [...named];
}

function autoscaleOf(env: Environment, faults: string[]): Config['worker']['autoscale'] {
  if (!env.CELERY_AUTO_SCALE) return undefined;
  const min = env.CELERY_MIN_WORKERS;
  const max = env.CELERY_MAX_WORKERS ?? Math.max(min, availableParallelism());
  if (min > max) faults.push(`CELERY_MIN_WORKERS: expected at most CELERY_MAX_WORKERS (${max}), instead got ${min}`);
  return { min, max };
}

const secondsOf = { s: 1, m: 60, h: 3600 } as const;

/** `queue=count/unit` entries as tasks a second. */
function ratesOf(variable: string, entries: readonly string[] | undefined, faults: string[]): RatesByQueue {
  const rates = new Map<QueueName, { readonly perSecond: number }>();
  for (const entry of entries ?? []) {
    const [, queue = '', count, unit] = /^(\w+)=([1-9]\d{0,6})\/([smh])$/.exec(entry) ?? [];
    if (!isQueueName(queue)) {
      faults.push(
        `${variable}: expected entries as mail=10/s with a declared queue and s, m or h, instead got "${entry}"`,
      );
      continue;
    }
    rates.set(queue, { perSecond: Number(count) / secondsOf[unit as keyof typeof secondsOf] });
  }
  return rates;
}

/** This process counts, whatever is said of its mode. */
function replicasOf(env: Environment): Config['replicas'] {
  const unset = env.MODE === 'all' ? 0 : 1;
  const atLeast = (mode: Environment['MODE']) => (env.MODE === mode ? 1 : 0);
  return {
    api: Math.max(env.MILLRACE_API_REPLICAS ?? unset, atLeast('api')),
    worker: Math.max(env.MILLRACE_WORKER_REPLICAS ?? unset, atLeast('worker')),
    beat: Math.max(env.MILLRACE_BEAT_REPLICAS ?? 0, atLeast('beat')),
    all: atLeast('all'),
  };
}

function workerSettings(env: Environment, faults: string[]): Config['worker'] {
  const named = env.CELERY_WORKER_CLASS;
  const workerClass = named === 'gevent' || named === 'eventlet' ? 'async' : named;
  if (env.MODE === 'all' && env.DB_HOST === undefined && (workerClass === 'threads' || workerClass === 'prefork')) {
    faults.push(
      `CELERY_WORKER_CLASS: ${workerClass} wants Postgres, because only one process and thread can open the embedded database; set DB_HOST, or use async`,
    );
  }
  const autoscale = workerClass === 'solo' ? undefined : autoscaleOf(env, faults);
  return {
    pool: env.MILLRACE_POOL,
    queues: consumedQueues(env, faults),
    slots: workerClass === 'solo' ? 1 : (autoscale?.max ?? env.CELERY_WORKER_AMOUNT ?? env.CELERY_WORKER_CONCURRENCY),
    autoscale,
    workerClass,
    maxTasksPerChild: env.MAX_TASKS_PER_CHILD,
    maxMemoryPerChildMib: env.MILLRACE_MAX_MEMORY_PER_CHILD,
  };
}

const scheduleFlags = (env: Environment) => ({
  cleanEmbeddingCache: env.ENABLE_CLEAN_EMBEDDING_CACHE_TASK,
  cleanUnusedDatasets: env.ENABLE_CLEAN_UNUSED_DATASETS_TASK,
  createTidbServerless: env.ENABLE_CREATE_TIDB_SERVERLESS_TASK,
  updateTidbServerlessStatus: env.ENABLE_UPDATE_TIDB_SERVERLESS_STATUS_TASK,
  cleanMessages: env.ENABLE_CLEAN_MESSAGES,
  mailCleanDocumentNotify: env.ENABLE_MAIL_CLEAN_DOCUMENT_NOTIFY_TASK,
  datasetsQueueMonitor: env.ENABLE_DATASETS_QUEUE_MONITOR,
  checkUpgradablePlugin: env.ENABLE_CHECK_UPGRADABLE_PLUGIN_TASK,
  workflowSchedulePoller: env.ENABLE_WORKFLOW_SCHEDULE_POLLER_TASK,
  triggerProviderRefresh: env.ENABLE_TRIGGER_PROVIDER_REFRESH_TASK,
  humanInputTimeout: env.ENABLE_HUMAN_INPUT_TIMEOUT_TASK,
  workflowLogCleanup: env.WORKFLOW_LOG_CLEANUP_ENABLED,
  cleanOauthAccessTokens: env.ENABLE_CLEAN_OAUTH_ACCESS_TOKENS_TASK,
});
type ScheduleFlags = Readonly<ReturnType<typeof scheduleFlags>>;

const beatSettings = (env: Environment): Config['beat'] => ({
  flags: scheduleFlags(env),
  everyDays: env.CELERY_BEAT_SCHEDULER_TIME,
  pollerMinutes: env.WORKFLOW_SCHEDULE_POLLER_INTERVAL,
  queueMonitor: { everyMinutes: env.QUEUE_MONITOR_INTERVAL, threshold: env.QUEUE_MONITOR_THRESHOLD },
});

/**
 * Parses the environment once.
 * @throws StartError `config_invalid` that lists every fault at once.
 */
export function readConfig(raw: RawEnvironment): Config {
  const { values: env, faults: ofSingles, faulty } = inspectEnvironment(raw);
  const faults: string[] = [];
  const home = resolve(env.MILLRACE_HOME);
  const redis = redisTargets(env, faults);
  const brokerUrlGiven = env.CELERY_BROKER_URL !== undefined || env.REDIS_URL !== undefined;
  if (redis === undefined && !brokerUrlGiven && env.MODE !== 'all' && env.MODE !== 'migrate') {
    faults.push(`CELERY_BROKER_URL: needed in mode ${env.MODE} (or REDIS_HOST)`);
  }
  const key = env.MILLRACE_API_KEY;
  if (key !== undefined && key.length < minApiKeyChars) {
    faults.push(
      `MILLRACE_API_KEY: expected at least ${minApiKeyChars} characters, instead got ${key.length}; openssl rand -hex 24 makes one`,
    );
  }
  if (env.MILLRACE_FAILPOINT !== undefined && !env.MILLRACE_SAMPLE_TASKS) {
    faults.push('MILLRACE_FAILPOINT: kills this process, for fault tests; unset it, or set MILLRACE_SAMPLE_TASKS=true');
  }
  const config: Config = {
    mode: env.MODE,
    home,
    migrate: env.MIGRATION_ENABLED,
    graceMs: env.MILLRACE_GRACE_SECONDS * 1000,
    sampleTasks: env.MILLRACE_SAMPLE_TASKS,
    failpoint: env.MILLRACE_FAILPOINT,
    api: {
      host: env.DIFY_BIND_ADDRESS ?? (env.MODE === 'all' ? '127.0.0.1' : '0.0.0.0'),
      port: env.DIFY_PORT,
      key,
      uploadLimitBytes: env.UPLOAD_FILE_SIZE_LIMIT * 1_000_000,
      rateLimit: env.MILLRACE_RATE_LIMIT,
    },
    healthPort: env.HEALTH_PORT,
    worker: workerSettings(env, faults),
    replicas: replicasOf(env),
    window: {
      size: env.MILLRACE_WINDOW,
      isolatedPerTenant: env.TENANT_ISOLATED_TASK_CONCURRENCY ?? (env.MODE === 'all' ? env.MILLRACE_WINDOW : 1),
      rates: {
        queues: ratesOf('MILLRACE_RATE_LIMITS', env.MILLRACE_RATE_LIMITS, faults),
        tenants: ratesOf('MILLRACE_TENANT_RATE_LIMITS', env.MILLRACE_TENANT_RATE_LIMITS, faults),
      },
    },
    beat: beatSettings(env),
    resultTtlSeconds: env.MILLRACE_RESULT_TTL,
    redis,
    database: databaseTarget(env, faults),
    storage: storageSettings(env, raw, home, faults),
    embedding: embeddingSettings(env, faults),
    parsing: { memoryBytes: env.MILLRACE_PARSE_MEMORY_MB * 1024 * 1024, baseTimeMs: env.MILLRACE_PARSE_TIMEOUT * 1000 },
    logLevel: logLevels[env.LOG_LEVEL],
    logFile:
      env.LOG_FILE === undefined
        ? undefined
        : {
            path: resolve(env.LOG_FILE),
            maxBytes: env.LOG_FILE_MAX_SIZE * 1_000_000,
            backups: env.LOG_FILE_BACKUP_COUNT,
          },
  };
  // a variable that is at fault by itself may look missing to the checks across variables: it is told of once
  const across = faults.filter((fault) => ![...faulty].some((name) => new RegExp(`\\b${name}\\b`).test(fault)));
  if (ofSingles.length + across.length > 0) throw configError([...ofSingles, ...across]);
  return Object.freeze(config);
}
