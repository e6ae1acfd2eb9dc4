/** The producing side of Redis: one BullMQ queue object a queue, over one connection that fails fast. */
import { once } from 'node:events';
import { Queue } from 'bullmq';
import { type QueueName, queueNames, queuePrefix } from '../queues.ts';
import { queueSettings, type RedisConnection } from '../redis/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { addJobs } from './add-jobs.ts';
import { type JobData, jobOf } from './job.ts';
import type { Handover } from './ledger/handover.ts';
import { missingJobs } from './missing-jobs.ts';
import { isNotDurable } from './not-durable/job.ts';

/** Takes the lock from a job and marks it stalled, when the lock is still the one that was read; lets the next check be made at once. */
const releaseScript = `
  if redis.call('get', KEYS[1]) ~= ARGV[2] then return 0 end
  redis.call('del', KEYS[1], KEYS[3])
  return redis.call('sadd', KEYS[2], ARGV[1])`;

export class Broker {
  readonly #connection: RedisConnection;
  readonly #log: Logger;
  readonly #queues = new Map<QueueName, Queue<JobData>>();
  readonly #listeners: { readonly ready: () => void; readonly close: () => void };
  #awaySince: Date | undefined;

  /** @param connection of use `producer`; the caller closes it after this. */
  constructor(connection: RedisConnection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
    this.#awaySince = this.ready ? undefined : new Date();
    this.#listeners = {
      ready: () => {
        this.#awaySince = undefined;
      },
      close: () => {
        this.#awaySince ??= new Date();
      },
    };
    connection.on('ready', this.#listeners.ready);
    connection.on('close', this.#listeners.close);
  }

  /** Since when the connection is down; undefined while it stands, or is taken to stand. */
  get awaySince(): Date | undefined {
    return this.#awaySince;
  }

  /** Whether a command sent now has a chance: without, an add would fail after its timeout only. */
  get ready(): boolean {
    return this.#connection.status === 'ready';
  }

  /** For commands that BullMQ has none for. */
  get connection(): RedisConnection {
    return this.#connection;
  }

  queue(name: QueueName): Queue<JobData> {
    const known = this.#queues.get(name);
    if (known) return known;
    const queue = new Queue<JobData>(name, {
      connection: this.#connection,
      prefix: queuePrefix(name),
      ...queueSettings,
    });
    queue.on('error', (error) => this.#log.debug({ err: error, queue: name }, 'queue error'));
    this.#queues.set(name, queue);
    return queue;
  }

  /**
   * Adds the jobs of these rows and returns the rows that Redis took. An id that still stands in Redis is a silent no-op; an add
   * that failed may well have run. Both are harmless: the ledger decides who runs.
   */
  async add(rows: readonly Handover[]): Promise<Handover[]> {
    if (rows.length === 0 || !this.ready) return [];
    const byQueue = Map.groupBy(rows, (row) => row.queue);
    const added = await Promise.all(
      [...byQueue].map(async ([name, group]) => {
        try {
          await addJobs(this.#connection, name, group.map(jobOf));
          return group;
        } catch (error) {
          this.#log.warn(
            { err: error, queue: name, jobs: group.length },
            'redis took no jobs; the relay will try again',
          );
          return [];
        }
      }),
    );
    return added.flat();
  }

  /**
   * Which of these jobs Redis does not know: it no longer does, or a task that is not durable stood under the id, which somebody
   * chose for both, and was taken away. One that is running is let run first. @throws when Redis does not answer.
   */
  async missing(jobs: readonly { readonly id: string; readonly queue: QueueName }[]): Promise<string[]> {
    const missing: string[] = [];
    for (const [name, group] of Map.groupBy(jobs, (job) => job.queue)) {
      const { gone, marked } = await missingJobs(
        this.#connection,
        name,
        group.map(({ id }) => id),
      );
      missing.push(...gone);
      for (const id of marked) if ((await this.queue(name).remove(id)) === 1) missing.push(id);
    }
    return missing;
  }

  /**
   * Takes out the jobs of rows that have ended: of a queue that nobody takes from they would pile up. What a consumer has fetched
   * stays, and so does a task that is not durable under the same id. Never throws: what stays is dropped when it is fetched.
   */
  async drop(jobs: readonly { readonly id: string; readonly queue: QueueName }[]): Promise<void> {
    if (!this.ready) return;
    try {
      await Promise.all(
        jobs.map(async ({ id, queue }) => {
          const options = await this.#connection.hget(`${queuePrefix(queue)}:${queue}:${id}`, 'opts');
          if (options != null && !isNotDurable(options)) await this.queue(queue).remove(id);
        }),
      );
    } catch (error) {
      this.#log.debug({ err: error, jobs: jobs.length }, 'jobs of tasks that have ended stay in redis');
    }
  }

  /** Jobs of a queue in Redis, by BullMQ's state. */
  async counts(name: QueueName): Promise<Record<string, number>> {
    return this.queue(name).getJobCounts('wait', 'prioritized', 'active', 'delayed');
  }

  /** Applies a queue's paused state, which the ledger keeps. */
  async setPaused(name: QueueName, paused: boolean): Promise<void> {
    await (paused ? this.queue(name).pause() : this.queue(name).resume());
  }

  /**
   * Declares all active jobs stalled, so that BullMQ gives them out again at its next check instead of after the lock's time and
   * two checks. Only where nobody else works on this Redis: the embedded default after it was killed.
   */
  async declareStalled(): Promise<void> {
    for (const name of queueNames) {
      const key = `${queuePrefix(name)}:${name}`;
      const active = await this.#connection.lrange(`${key}:active`, 0, -1);
      for (const id of active) await this.#connection.del(`${key}:${id}:lock`);
      if (active.length > 0) await this.#connection.sadd(`${key}:stalled`, ...active);
      // else the last check of the killed run would put off the first of this one
      await this.#connection.del(`${key}:stalled-check`);
    }
  }

  /**
   * Declares the active jobs stalled that a consumer held which is known to be dead: the others give them out at their next
   * check. A lock that changes hands meanwhile stays.
   */
  async releaseJobs(owner: string): Promise<void> {
    for (const name of queueNames) {
      const key = `${queuePrefix(name)}:${name}`;
      const active = await this.#connection.lrange(`${key}:active`, 0, -1);
      for (const id of active) {
        const token = await this.#connection.get(`${key}:${id}:lock`);
        if (token?.startsWith(`${owner}:`)) await this.#release(key, id, token);
      }
    }
  }

  async #release(key: string, id: string, token: string): Promise<void> {
    const keys = [`${key}:${id}:lock`, `${key}:stalled`, `${key}:stalled-check`];
    await this.#connection.eval(releaseScript, keys.length, ...keys, id, token);
  }

  /** Resolves when a command has a chance. @throws when that takes longer than `timeoutMs`. */
  async whenReady(timeoutMs: number): Promise<void> {
    if (this.ready) return;
    await once(this.#connection, 'ready', { signal: AbortSignal.timeout(timeoutMs) });
  }

  async close(): Promise<void> {
    this.#connection.off('ready', this.#listeners.ready);
    this.#connection.off('close', this.#listeners.close);
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }
}
