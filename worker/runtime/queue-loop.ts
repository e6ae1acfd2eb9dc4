/** The loop of one queue in a worker: takes slots, fetches a job for each, hands them on; waits for work when there is none. */
import { setTimeout as wait } from 'node:timers/promises';
import { type QueueName, queues } from '../queues.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { FetchedJob, JobSource, TakenJob } from './job-source.ts';
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
 * Jobs asked for at once, as far as slots are free, when a loop hears that there is work, and at most: twice as many each time it gets
 * all it asked for. One by one, each behind the answer to the last, a worker took seconds to fill its slots.
 */
const firstAtOnce = 8;
const maxAtOnce = 32;
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
    let atOnce = firstAtOnce;
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
        atOnce = found === taken.length ? Math.min(2 * atOnce, maxAtOnce) : firstAtOnce;
        if (this.#stopping) return;
        if (found < taken.length) await source.waitForWork();
      } catch (error) {
        if (this.#stopping) return;
        atOnce = firstAtOnce;
        failures += 1;
        if (failures === 1) log.warn({ err: error, queue: source.queueName }, 'cannot fetch jobs; trying on');
        await wait(Math.min(100 * 2 ** failures, maxBackoffMs) * (0.9 + 0.2 * Math.random()));
      }
    }
  }

  /** A job for each slot, as far as there are; says for how many. Slots without one are given back. @throws what the fetch threw */
  async #fetch(taken: readonly Slot[]): Promise<number> {
    const { source, token, start } = this.#deps;
    for (const slot of taken) this.#slots.add(slot);
    let found: readonly TakenJob[] = [];
    try {
      found = await source.fetch(taken.map(() => token()));
    } finally {
      for (const slot of taken) this.#slots.delete(slot);
      const given = this.#closed ? 0 : found.length;
      for (const slot of taken.slice(given)) slot.release();
    }
    this.heard();
    // asked for before the end, answered after it; else their locks would have to lapse
    if (this.#closed) await Promise.all(found.map(({ job, token: lock }) => source.handBack(job, lock)));
    else
      for (const [index, { job, token: lock }] of found.entries()) {
        const slot = taken[index];
        if (slot) start(source, job, lock, slot);
      }
    return found.length;
  }
}
