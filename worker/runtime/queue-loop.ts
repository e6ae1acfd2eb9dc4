/** The loop of one queue in a worker: takes a slot, fetches a job, hands both on; waits for work when there is none. */
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
  /** Held while it fetches. */
  #slot: Slot | undefined;
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
    // a fetch that hangs holds its slot no longer
    if (this.#slot) this.#slot.release();
  }

  async #run(): Promise<void> {
    const { source, slots, token, start, log } = this.#deps;
    const { tier } = queues[source.queueName];
    let failures = 0;
    while (!this.#stopping) {
      let slot: Slot | undefined;
      try {
        this.#askedAt = undefined;
        slot = await slots.take(tier, source.queueName);
        if (!slot) return;
        this.#slot = slot;
        this.#askedAt = Date.now();
        const lock = token();
        const job = await source.fetch(lock);
        this.heard();
        failures = 0;
        if (job && this.#closed) {
          // asked for before the end, answered after it; else its lock would have to lapse
          slot.release();
          await source.handBack(job, lock);
          return;
        }
        if (job) {
          this.#slot = undefined;
          start(source, job, lock, slot);
          continue;
        }
        slot.release();
        if (this.#stopping) return;
        await source.waitForWork();
      } catch (error) {
        slot?.release();
        if (this.#stopping) return;
        failures += 1;
        if (failures === 1) log.warn({ err: error, queue: source.queueName }, 'cannot fetch jobs; trying on');
        await wait(Math.min(100 * 2 ** failures, maxBackoffMs) * (0.9 + 0.2 * Math.random()));
      }
    }
  }
}
