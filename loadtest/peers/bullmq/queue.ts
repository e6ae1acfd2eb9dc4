/** What producer and worker of bare BullMQ agree on. */
import type { JobsOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { given } from '../protocol.ts';

export const queueName = 'bench';
export const jobName = 'noop';
export const jobOptions = { removeOnComplete: true } as const satisfies JobsOptions;

export interface Payload {
  readonly n: number;
  /** Wall clock when the producer called, in milliseconds. */
  readonly sent: number;
}

/** REDIS_URL names the server and the database. */
export const connect = (): Redis => new Redis(given('REDIS_URL'), { maxRetriesPerRequest: null });
