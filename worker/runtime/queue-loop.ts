/** The loop of one queue in a worker: takes slots, fetches a job for each, hands them on; waits for work when there is none. */
import { setTimeout as wait } from 'node:timers/promises';
import { type QueueName, queues } from '../queues.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { FetchedJob, JobSource } from './job-source.ts';
import type { Slot, Slots } from './slots.ts';

export interface QueueLoopDeps {
  readonly source: JobSource;
  readonly slots: Slots;
  /** A token for the next job's lock: no two fetches have the same. */
  readonly token: () => string;
  /** Takes over the job and the slot. */
  readonly start: (source: JobSource, job: FetchedJob, token: string, slot: Slot) => void;
  readonly log: Logger;
}

/**
 * Most jobs asked for side by side. One by one, each behind the answer to the last, a worker took seconds to fill its slots; a loop
 * that finds work asks for twice as many next time.
 */
const maxAtOnce = 16;
/** After an error a loop waits, longer each time up to this. */
const maxBackoffMs = 2000;
/** For a loop to end once its blocking call is cut short. One that waits for a Redis that is away never hears of it. */
const loopEndMs = 1000;

export class QueueLoop {
  readonly #deps: QueueLoopDeps;
  readonly #ended: Promise<void>;
  #heardAt: number | undefined;
  /** When it last began to ask Redis; undefined while it waits for a slot. */
  #askedAt: number | undefined;
  /** Of fetches under way. */
  readonly #slots = new Set<Slot>();
  #stopping = false;
  #closed = false;

  constructor(deps: QueueLoopDeps) {
    this.#deps = deps;
    void deps.source.startStalledCheckTimer();
    this.#ended = this.#run();
  }

  get queue(): QueueName {
    return this.#deps.source.queueName;
  }

  get source(): JobSource {
    return this.#deps.source;
  }

  /** Told also by runs that got their next job with an acknowledgement. */
  heard(): void {
    this.#heardAt = Date.now();
  }

  /** Whether Redis has answered, since the loop began. */
  get everHeard(): boolean {
    return this.#heardAt !== undefined;
  }

  /** For how long it has asked Redis and heard nothing, ms. */
  get silentMs(): number {
    return this.#askedAt === undefined ? 0 : Date.now() - Math.max(this.#askedAt, this.#heardAt ?? 0);
  }

  /** Fetches no more; what it started goes on. */
  stop(): void {
    this.#stopping = true;
  }

  /** After `stop`: cuts its blocking call short. What it started can still be acknowledged. */
  async close(): Promise<void> {
    this.#stopping = true;
    this.#closed = true;
    const late = wait(loopEndMs, undefined, { ref: false });
    // forced: there is no BullMQ main loop to wait for
    await Promise.race([this.#deps.source.close(true), late]);
    await Promise.race([this.#ended, late]);
    // fetches that hang hold their slots no longer
    for (const slot of this.#slots) slot.release();
  }

  async #run(): Promise<void> {
    const { source, slots, log } = this.#deps;
    const { tier } = queues[source.queueName];
    let failures = 0;
    let atOnce = 1;
    while (!this.#stopping) {
      try {
        this.#askedAt = undefined;
        const slot = await slots.take(tier, source.queueName);
        if (!slot) return;
        const taken = [slot];
        while (taken.length < atOnce) {
          const more = slots.takeFree(tier);
          if (!more) break;
          taken.push(more);
        }
        this.#askedAt = Date.now();
        const found = await this.#fetch(taken);
        failures = 0;
        atOnce = found === taken.length ? Math.min(2 * atOnce, maxAtOnce) : 1;
        if (this.#stopping) return;
        if (found < taken.length) await source.waitForWork();
      } catch (error) {
        if (this.#stopping) return;
        atOnce = 1;
        failures += 1;
        if (failures === 1) log.warn({ err: error, queue: source.queueName }, 'cannot fetch jobs; trying on');
        await wait(Math.min(100 * 2 ** failures, maxBackoffMs) * (0.9 + 0.2 * Math.random()));
      }
    }
  }

  /** A job for each slot, as far as there are; says for how many. Slots without one are given back. @throws what a fetch threw */
  async #fetch(taken: readonly Slot[]): Promise<number> {
    const { source, token, start } = this.#deps;
    let found = 0;
    const fetches = taken.map(async (slot) => {
      const lock = token();
      const job = await this.#one(lock, slot);
      this.heard();
      if (job && !this.#closed) {
        found += 1;
        start(source, job, lock, slot);
        return;
      }
      slot.release();
      // asked for before the end, answered after it; else its lock would have to lapse
      if (job) await source.handBack(job, lock);
    });
    const failed = (await Promise.allSettled(fetches)).find((fetch) => fetch.status === 'rejected');
    if (failed) throw failed.reason;
    return found;
  }

  /** @throws what the fetch threw; the slot is given back */
  async #one(lock: string, slot: Slot): Promise<FetchedJob | undefined> {
    this.#slots.add(slot);
    try {
      return await this.#deps.source.fetch(lock);
    } catch (error) {
      slot.release();
      throw error;
    } finally {
      this.#slots.delete(slot);
    }
  }
}
