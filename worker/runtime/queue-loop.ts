/** The loop of one queue in a worker: takes slots, gets a task for each, hands them on; waits for work when there is none. */
import { setTimeout as wait } from 'node:timers/promises';
import { type QueueName, queues } from '../queues.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Bag } from './bag.ts';
import type { FetchedJob, JobSource } from './job-source.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import type { Slot, Slots } from './slots.ts';

export interface QueueLoopDeps {
  readonly source: JobSource;
  readonly slots: Slots;
  /** A token for the next job's lock: no two fetches have the same. */
  readonly token: () => string;
  /** Takes over the job and the slot. */
  readonly start: (source: JobSource, job: FetchedJob, token: string, slot: Slot) => void;
  readonly backlog?: Backlog | undefined;
  readonly log: Logger;
}

/** What waits in the ledger and not in Redis; left out where it is the relay's alone. */
export interface Backlog {
  /** Whether a queue's has given something within a moment. */
  readonly flows: (queue: QueueName) => boolean;
  /** Claims up to so many of a queue's tasks. */
  readonly pull: (queue: QueueName, most: number) => Promise<readonly ClaimedTask[]>;
  /** Takes over a claimed task and the slot. */
  readonly start: (task: ClaimedTask, slot: Slot) => void;
  /** Undoes a claim. */
  readonly giveBack: (task: ClaimedTask) => Promise<void>;
}

/**
 * Jobs asked for at once, as far as slots are free, when a loop hears that there is work, and at most: twice as many each time it gets
 * all it asked for. One by one, each behind the answer to the last, a worker took seconds to fill its slots.
 */
const firstAtOnce = 8;
const maxAtOnce = 32;
/** Longest block of a queue whose backlog has just given something: who accepts may have closed the fast path for a while yet. */
const glanceSeconds = 0.01;
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
  /** Asked for, and without a task yet. */
  readonly #slots = new Bag<Slot>();
  #stopping = false;

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
    const late = wait(loopEndMs, undefined, { ref: false });
    // forced: there is no BullMQ main loop to wait for
    await Promise.race([this.#deps.source.close(true), late]);
    await Promise.race([this.#ended, late]);
    // fetches that hang hold their slots no longer
    for (const slot of this.#slots) slot.release();
  }

  async #run(): Promise<void> {
    const { source, slots, backlog, log } = this.#deps;
    const { tier } = queues[source.queueName];
    let failures = 0;
    let atOnce = firstAtOnce;
    while (!this.#stopping) {
      try {
        this.#askedAt = undefined;
        const slot = await slots.take(tier, source.queueName);
        if (!slot) return;
        this.#askedAt = Date.now();
        const flows = this.#flows();
        // the two halves take turns: one is claimed while the other runs and ends
        const taken = this.#with(slot, flows ? Math.max(atOnce, Math.ceil(slots.capacity / 2)) : atOnce);
        const asked = flows ? Math.min(atOnce, Math.ceil(taken.length / 2)) : taken.length;
        const { fetched, pulled } = await this.#fill(taken.slice(0, asked), taken.slice(asked));
        failures = 0;
        atOnce = fetched === asked ? Math.min(2 * atOnce, maxAtOnce) : firstAtOnce;
        if (this.#stopping) return;
        if (fetched === 0 && pulled === 0) {
          this.#askedAt = Date.now();
          const woken = await source.waitForWork(backlog && this.#flows() ? glanceSeconds : undefined);
          // who is woken alone and can't fetch passes it on: another process may have slots
          if (woken && (this.#stopping || slots.busy >= slots.capacity)) await source.wake();
        }
      } catch (error) {
        if (this.#stopping) return;
        atOnce = firstAtOnce;
        failures += 1;
        if (failures === 1) log.warn({ err: error, queue: source.queueName }, 'cannot get tasks; trying on');
        await wait(Math.min(100 * 2 ** failures, maxBackoffMs) * (0.9 + 0.2 * Math.random()));
      }
    }
  }

  /** Whether the backlog may be pulled from, and has just given something. */
  #flows(): boolean {
    const { source, backlog } = this.#deps;
    return backlog !== undefined && source.plain && backlog.flows(source.queueName);
  }

  /** That slot, and others that are free now: so many in all. */
  #with(slot: Slot, most: number): Slot[] {
    const { source, slots } = this.#deps;
    const taken = [slot];
    while (taken.length < most) {
      const more = slots.takeFree(queues[source.queueName].tier);
      if (!more) break;
      taken.push(more);
    }
    for (const one of taken) this.#slots.add(one);
    return taken;
  }

  /**
   * A task for each slot, as far as there are: jobs for the ones, of the backlog for the others at the same time; or else for those that
   * got no job. Slots without a task are given back. @throws what Redis or the database says
   */
  async #fill(asked: readonly Slot[], others: readonly Slot[]): Promise<{ fetched: number; pulled: number }> {
    const pulling = others.length > 0 ? this.#pull(others) : undefined;
    // waited for below, unless the fetch throws first
    pulling?.catch(() => undefined);
    const left = await this.#fetch(asked);
    // from here on it is the database that may be silent
    this.#askedAt = undefined;
    const fetched = asked.length - left.length;
    if (!pulling) return { fetched, pulled: await this.#pull(left) };
    for (const slot of left) this.#release(slot);
    return { fetched, pulled: await pulling };
  }

  /** Returns the slots for which there was no job. */
  async #fetch(taken: readonly Slot[]): Promise<readonly Slot[]> {
    const { source, token, start } = this.#deps;
    const free = [...taken];
    let handed = false;
    try {
      const found = await source.fetch(taken.map(() => token()));
      this.heard();
      const late = found.filter(({ job, token: lock }) => !this.#begin(free, (slot) => start(source, job, lock, slot)));
      // else their locks would have to lapse
      await Promise.all(late.map(({ job, token: lock }) => source.handBack(job, lock)));
      handed = true;
      return free;
    } finally {
      if (!handed) for (const slot of free) this.#release(slot);
    }
  }

  /** Redis was asked before, since it knows what else holds the queue. Returns how many tasks there were. */
  async #pull(taken: readonly Slot[]): Promise<number> {
    const { source, backlog } = this.#deps;
    const free = [...taken];
    try {
      if (!backlog || free.length === 0 || this.#stopping || !source.plain) return 0;
      const found = await backlog.pull(source.queueName, free.length);
      const late = found.filter((task) => !this.#begin(free, (slot) => backlog.start(task, slot)));
      await Promise.all(late.map((task) => backlog.giveBack(task)));
      return found.length;
    } finally {
      for (const slot of free) this.#release(slot);
    }
  }

  /** Gives one of the slots its task. False once it stops: what was asked for before is answered after. */
  #begin(free: Slot[], start: (slot: Slot) => void): boolean {
    const slot = this.#stopping ? undefined : free.shift();
    if (!slot) return false;
    this.#slots.delete(slot);
    start(slot);
    return true;
  }

  #release(slot: Slot): void {
    this.#slots.delete(slot);
    slot.release();
  }
}
