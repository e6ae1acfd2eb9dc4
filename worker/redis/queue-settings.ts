/**
 * What BullMQ is told of queues and workers. As the connections' options, these were measured against killed and frozen workers and
 * servers, and each carries what it is for. See docs/decisions/0004-redis-connection-options.md.
 */
import type { QueueOptions, WorkerOptions } from 'bullmq';

/**
 * For how long a fetched job is held. Redis gives a job out again whose process died before its claim, or whose answer was lost with
 * the connection: after the lock, and two checks at most, so within 10 s. Short, since the lease in the ledger decides who runs: a
 * lock lost too early costs one delivery that meets a live lease and is dropped.
 */
export const lockDurationMs = 6000;
const stalledIntervalMs = 2000;

/** Longest block of an idle queue, seconds. Below the `socketTimeout` of a consumer's connection (9 s), or quiet would look like dead. */
export const blockSeconds = 5;

export const workerSettings = {
  autorun: false,
  lockDuration: lockDurationMs,
  stalledInterval: stalledIntervalMs,
  // past it BullMQ fails a job without calling anyone: put out of reach, deaths are the ledger's to count
  maxStalledCount: 1_000_000_000,
  drainDelay: blockSeconds,
  // the default of 15 s would be the time to notice that Redis is back
  runRetryDelay: 1000,
  skipVersionCheck: true,
} as const satisfies Partial<WorkerOptions>;

export const queueSettings = {
  // without it an add blocks for 6 s and more while Redis is down
  skipWaitingForReady: true,
  // and without this every add is refused once it is back
  skipVersionCheck: true,
} as const satisfies Partial<QueueOptions>;
