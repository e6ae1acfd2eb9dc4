/** What a worker consumes, how many tasks at once, and where they run. */
import { poolNames } from '../../queues.ts';
import { flag, integer, list, oneOf } from '../variable.ts';

export const worker = {
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
    doc: 'Memory past which such a thread or child is replaced when its task is done. Its heap ends there; at twice as much it is killed. A worker that runs handlers on its loop (async, solo) drains past it and exits with 75.',
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
