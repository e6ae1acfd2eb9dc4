/** The consuming side of one BullMQ queue: jobs are fetched by hand, when a slot is free. */
import { type Job, Worker } from 'bullmq';
import { type QueueName, queuePrefix } from '../queues.ts';
import type { RedisConnection } from '../redis/index.ts';
import type { JobData } from './job.ts';

/**
 * A job fetched by a process that died before its claim, or whose answer was lost with the connection, is given out again
 * within lock + two checks: 10 s. Short, because the lease decides who runs: a lock lost too early costs one delivery that
 * meets a live lease and is dropped.
 */
export const lockDurationMs = 6000;
const stalledIntervalMs = 2000;
/** Past it BullMQ fails a job without calling anyone: put out of reach, deaths are the ledger's to count. */
const maxStalledCount = 1_000_000_000;
/** Longest block of an idle queue. Below the consumer connection's socket timeout (9 s). */
const blockSeconds = 5;
/** BullMQ's default of 15 s would be the time to notice that Redis is back. */
const runRetryDelayMs = 1000;

export type FetchedJob = Job<JobData>;

export class JobSource extends Worker<JobData> {
  readonly queueName: QueueName;

  /** @param connection of use `consumer`, shared; BullMQ makes one more of its own to block on. */
  constructor(queue: QueueName, connection: RedisConnection, workerName: string) {
    super(queue, null, {
      connection,
      prefix: queuePrefix(queue),
      name: workerName,
      autorun: false,
      lockDuration: lockDurationMs,
      stalledInterval: stalledIntervalMs,
      maxStalledCount,
      drainDelay: blockSeconds,
      runRetryDelay: runRetryDelayMs,
      skipVersionCheck: true,
    });
    this.queueName = queue;
  }

  /** The next job, locked with `token`, or undefined at once when none waits. */
  fetch(token: string): Promise<FetchedJob | undefined> {
    return this.getNextJob(token, { block: false });
  }

  /** Removes a job that is held with `token`; with `next`, returns the queue's next job, locked with the same token. */
  async acknowledge(job: FetchedJob, token: string, next: boolean): Promise<FetchedJob | undefined> {
    const answer: unknown = await job.moveToCompleted('', token, next);
    if (!Array.isArray(answer) || !answer[0]) return undefined;
    return this.nextJobFromJobData(answer[0], answer[1], token);
  }

  /** Resolves when a job may be waiting, or after the longest block. @throws when Redis is away. */
  async waitForWork(): Promise<void> {
    try {
      await this.backend.waitForJob(blockSeconds);
    } catch (error) {
      // leaves the blocking connection usable after an outage
      if (!this.closing) await this.backend.reconnectBlocking();
      throw error;
    }
  }
}
