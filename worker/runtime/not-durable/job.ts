/**
 * Tasks that are not durable, as they stand in Redis: no row of the ledger stands behind them, BullMQ keeps their attempts and
 * delays, and their ends for a while.
 */
import type { JobsOptions, KeepJobs } from 'bullmq';
import { z } from 'zod';
import { type JobMeta, jobMetaSchema, type PlainJob } from '../job.ts';
import type { TaskError } from '../ledger/rows.ts';

/** How long the end of a task is told, and of how many a queue at most: what bounds Redis's memory. */
export const keptSeconds = 3600;
const keptJobs = 20_000;
/** Looking for what is too old or too many costs Redis a third of a job's whole work: it is done at every so many ends of a process. */
const trimEvery = 50;
/** Errors of attempts that are kept of a job. */
const keptErrors = 10;

/** What BullMQ is to keep of ended jobs, asked for at each end. */
export class Keeping {
  #ends = 0;

  /**
   * Applied to a job that is about to end. One from another client may say itself what is kept of it.
   * @returns whether its end takes others away, by its own word or because it is time to trim
   */
  apply({ opts }: { readonly opts: JobsOptions }): boolean {
    const own = opts.removeOnComplete !== undefined || opts.removeOnFail !== undefined;
    const trims = this.#ends === 0;
    const keep: KeepJobs = trims ? { age: keptSeconds, count: keptJobs } : { count: -1 };
    this.#ends = (this.#ends + 1) % trimEvery;
    opts.removeOnComplete ??= keep;
    opts.removeOnFail ??= keep;
    opts.stackTraceLimit ??= keptErrors;
    return own || trims;
  }
}

/** BullMQ asks the worker for the delay of this type: the task's own retry policy tells it. Also what such a job is known by. */
export const backoffType = 'task_policy';

/** What a sender says of it, checked. */
export interface NewJob {
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly meta: JobMeta;
  /** Of BullMQ, from 1; low numbers first. */
  readonly priority: number;
  readonly delayMs: number;
  readonly attempts: number;
}

export const jobOptions = ({ id, priority, attempts }: NewJob): PlainJob['opts'] => ({
  jobId: id,
  priority,
  attempts,
  backoff: { type: backoffType },
});

/** Stands in the options of a job that was sent as one that is not durable, as Redis keeps them. */
export const notDurableMark = `"${backoffType}"`;

/** Whether a job of this id was sent as one that is not durable, by the options that stand in Redis. */
export const isNotDurable = (storedOptions: string): boolean => storedOptions.includes(notDurableMark);

/** The `meta` of a job that is not durable; undefined for every other job. */
export function notDurableMeta(data: unknown): JobMeta | undefined {
  if (typeof data !== 'object' || data === null || !('meta' in data) || !('payload' in data)) return undefined;
  const { meta } = data;
  if (typeof meta !== 'object' || meta === null || !('origin' in meta) || meta.origin !== 'redis') return undefined;
  return jobMetaSchema.safeParse(meta).data;
}

/** How an attempt ended, as it is kept in Redis. */
export interface StoredError extends TaskError {
  /** Of an end that is no plain failure. */
  readonly status?: 'TIMED_OUT' | 'EXPIRED' | undefined;
}

/**
 * An attempt's error on its way to Redis: the message as BullMQ's failed reason, for people; the whole as what BullMQ keeps a list
 * of, one an attempt.
 */
export function storedError<E extends Error>(error: E, kept: StoredError): E {
  error.stack = JSON.stringify(kept);
  return error;
}

const storedSchema = z.object({
  code: z.string(),
  message: z.string(),
  at: z.string(),
  attempt: z.number(),
  status: z.enum(['TIMED_OUT', 'EXPIRED']).optional(),
});

/** What `storedError` wrote, of one attempt. Others may have written what they like. */
export function readStoredError(text: string): StoredError | undefined {
  try {
    return storedSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
