/** The consuming side of one BullMQ queue: jobs are fetched by hand, when a slot is free. */
import { type Job, raw2NextJobData, Worker } from 'bullmq';
import { errorText } from '../errors.ts';
import { type QueueName, queuePrefix } from '../queues.ts';
import { blockSeconds, lockDurationMs, type RedisConnection, workerSettings } from '../redis/index.ts';
import { Grouped } from './grouped.ts';
import { isPlain, type JobData } from './job.ts';
import { type EndedJob, type EndingJob, endJobs, type MoveJobsOptions, type RawJob, takeJobs } from './move-jobs.ts';
import { Keeping } from './not-durable/job.ts';

/** Ends of jobs that leave together: most of them in one call, and calls side by side. */
const groupedEnds = { most: 100, lanes: 2 };

export type FetchedJob = Job<JobData>;

/** A job, and the token that it is locked with. */
export interface TakenJob {
  readonly job: FetchedJob;
  readonly token: string;
}

export interface JobSourceOptions {
  readonly queue: QueueName;
  /** Of use `consumer`, shared; BullMQ makes one more of its own to block on. */
  readonly connection: RedisConnection;
  readonly workerName: string;
  /** Milliseconds until the next attempt of a job that BullMQ retries, by its name and the attempts made; -1 for none. */
  readonly retryDelayMs: (name: string, attempts: number) => number;
}

export class JobSource extends Worker<JobData> {
  readonly queueName: QueueName;
  readonly #connection: RedisConnection;
  readonly #keeping = new Keeping();
  readonly #moving: MoveJobsOptions;
  readonly #ends: Grouped<EndingJob, EndedJob>;
  #plain = true;
  #dueTimer: NodeJS.Timeout | undefined;

  constructor({ queue, connection, workerName, retryDelayMs }: JobSourceOptions) {
    super(queue, null, {
      connection,
      prefix: queuePrefix(queue),
      name: workerName,
      ...workerSettings,
      settings: {
        // the type names a job without its name; BullMQ passes the job itself
        backoffStrategy: (attempts, _type, _error, job) => (job ? retryDelayMs(job.name, attempts) : -1),
      },
    });
    this.queueName = queue;
    this.#connection = connection;
    this.#moving = { queue, connection, worker: workerName, lockMs: lockDurationMs };
    // answered for each job, and not tried again one by one: what failed may have run
    const failed = (error: unknown): EndedJob => ({ refused: errorText(error), next: undefined });
    this.#ends = new Grouped({
      ...groupedEnds,
      write: (jobs) => endJobs(this.#moving, jobs).catch((error: unknown) => jobs.map(() => failed(error))),
    });
  }

  /** Whether the last fetch found the queue as it is made: nothing in Redis pauses or limits it, and no delayed job was due. */
  get plain(): boolean {
    return this.#plain;
  }

  /** A job for each token, locked with it, as far as jobs wait; none at once when none does. */
  async fetch(tokens: readonly string[]): Promise<TakenJob[]> {
    const [first] = tokens;
    if (first === undefined || this.closing) return [];
    const { plain, jobs, delayedUntil } = await takeJobs(this.#moving, tokens);
    this.#plain = plain;
    if (!plain) {
      const job = await this.#next(await this.backend.moveToActive(first, this.opts.name), first);
      return job ? [{ job, token: first }] : [];
    }
    if (jobs.length < tokens.length) this.#wakeAt(delayedUntil);
    const taken: TakenJob[] = [];
    for (const [index, raw] of jobs.entries()) {
      const token = tokens[index] ?? '';
      const job = await this.#made(raw, token);
      if (job) taken.push({ job, token });
    }
    return taken;
  }

  /**
   * Removes a job that is held with `token`; with `next`, returns the queue's next job, locked with the same token, unless that has
   * to be asked for by itself. @throws when Redis did not do it, and then perhaps did all the same
   */
  async acknowledge(job: FetchedJob, token: string, next: boolean): Promise<FetchedJob | undefined> {
    if (isPlain(job)) return this.#end(job, undefined, token, next);
    // also one from elsewhere that says nothing of it: its row has the truth, and its id may be handed over again
    job.opts.removeOnComplete = true;
    return this.#next(await job.moveToCompleted('', token, next), token);
  }

  /**
   * Ends a job that is held with `token`, and keeps its result in Redis; returns the queue's next job as `acknowledge` does.
   * @param result JSON text
   */
  async complete(job: FetchedJob, result: string, token: string, next: boolean): Promise<FetchedJob | undefined> {
    const toTrim = this.#keeping.apply(job);
    if (isPlain(job) && !toTrim) return this.#end(job, result, token, next);
    return this.#next(await job.moveToCompleted(JSON.parse(result), token, next), token);
  }

  /** Ends an attempt of a job that is held with `token`: BullMQ decides whether another follows, and when. */
  async fail(job: FetchedJob, error: Error, token: string, next: boolean): Promise<FetchedJob | undefined> {
    this.#keeping.apply(job);
    return this.#next(await job.moveToFailed(error, token, next), token);
  }

  /**
   * Puts a job that is held with `token` back to the head of its priority, and wakes somebody who waits for work: BullMQ's script
   * leaves them asleep until their block is over (5 s) where the job has a priority, as durable ones have.
   */
  async handBack(job: FetchedJob, token: string): Promise<void> {
    await job.moveToWait(token);
    await this.wake();
  }

  /**
   * Resolves when a job may be waiting, or after the longest block. Returns whether it has taken what wakes whoever sleeps, one of all
   * processes. @throws when Redis is away.
   */
  async waitForWork(seconds = blockSeconds): Promise<boolean> {
    try {
      const marker = await this.backend.waitForJob(seconds);
      if (marker) this.#wakeAt(marker.score);
      return marker?.score === 0;
    } catch (error) {
      // leaves the blocking connection usable after an outage
      if (!this.closing) await this.backend.reconnectBlocking();
      throw error;
    }
  }

  override close(force = false): Promise<void> {
    clearTimeout(this.#dueTimer);
    return super.close(force);
  }

  /** Together with others. @param result JSON text, kept with the job; undefined: the job is removed */
  async #end(
    job: FetchedJob,
    result: string | undefined,
    token: string,
    next: boolean,
  ): Promise<FetchedJob | undefined> {
    const ended = await this.#ends.add({ id: job.id ?? '', token, next: next && !this.closing, result });
    if (ended.refused !== undefined) throw new Error(`job ${job.id} was not ended in redis: ${ended.refused}`);
    return ended.next && this.#made(ended.next, token);
  }

  /** What BullMQ makes of a job that it gives out; of one that repeats, it also adds the next. */
  #made({ id, hash }: RawJob, token: string): FetchedJob | Promise<FetchedJob | undefined> {
    const answer = raw2NextJobData([hash, id, 0, 0]);
    const [data] = answer;
    if (!data || data.repeatJobKey !== undefined) return this.#next(answer, token);
    const job = this.createJob(data, id);
    job.token = token;
    return job;
  }

  /** @param answer of BullMQ's scripts: job, id, limit, and when the first delayed job is due, where there is no job */
  async #next(answer: unknown, token: string): Promise<FetchedJob | undefined> {
    if (!Array.isArray(answer)) return undefined;
    const [data, id, , delayedUntil] = answer;
    if (data) return this.nextJobFromJobData(data, id, token);
    if (typeof delayedUntil === 'number') this.#wakeAt(delayedUntil);
    return undefined;
  }

  /**
   * When a delayed job is due, whoever blocks on the queue is woken: this process or another one. A block for just so long
   * would be late by the second that old servers round it up to; and a process that is busy by then wakes one that is not.
   * What is due after the longest block is heard of again before.
   */
  #wakeAt(dueAt: number): void {
    const inMs = dueAt - Date.now();
    if (dueAt <= 0 || inMs > blockSeconds * 1000) return;
    clearTimeout(this.#dueTimer);
    this.#dueTimer = setTimeout(
      () => {
        if (this.closing) return;
        this.wake().catch((error: unknown) => this.emit('error', error as Error));
      },
      Math.max(1, Math.ceil(inMs)),
    );
  }

  /** Wakes somebody who blocks on the queue: this process or another one. */
  async wake(): Promise<void> {
    await this.#connection.zadd(this.toKey('marker'), 0, '0');
  }
}
