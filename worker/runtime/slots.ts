/**
 * The slots of a process: how many tasks it runs side by side, shared by all its queues. A slot is taken before a job is
 * fetched, so that no job waits in a process while another process is free.
 */
import type { QueueTier } from '../queues.ts';

/** Shares when several tiers wait: of ten slots six go to high, three to normal, one to low. */
const weights: Record<QueueTier, number> = { high: 6, normal: 3, low: 1 };

export interface Slot {
  release(): void;
}

interface Waiter {
  readonly tier: QueueTier;
  readonly kind: string;
  readonly give: (slot: Slot | undefined) => void;
}

export class Slots {
  #capacity: number;
  #busy = 0;
  #closed = false;
  readonly #waiters: Waiter[] = [];
  /** Virtual time of each tier (stride scheduling): the tier that has had least for its weight goes first. */
  readonly #passed: Record<QueueTier, number> = { high: 0, normal: 0, low: 0 };
  /** Virtual time at which the newest slot was given. */
  #now = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Above the capacity after it was made smaller, until those beyond it are given back. */
  get busy(): number {
    return this.#busy;
  }

  /** Waits for a slot; undefined once `close` was called. @param kind of work, a queue's name: whose waiting `wantedBeside` leaves out */
  take(tier: QueueTier, kind: string = tier): Promise<Slot | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((give) => {
      // A tier that was idle does not save up: it may be one round behind the others, no more.
      if (!this.#waiters.some((waiter) => waiter.tier === tier))
        this.#passed[tier] = Math.max(this.#passed[tier], this.#now - 1);
      this.#waiters.push({ tier, kind, give });
      this.#serve();
    });
  }

  /** A slot that is free now and that nobody waits for; undefined otherwise. */
  takeFree(tier: QueueTier): Slot | undefined {
    if (this.#closed || this.#busy >= this.#capacity || this.#waiters.length > 0) return undefined;
    this.#passed[tier] = Math.max(this.#passed[tier], this.#now - 1);
    this.#now = Math.max(this.#now, this.#passed[tier]);
    this.#passed[tier] += 1 / weights[tier];
    this.#busy += 1;
    return this.#slot();
  }

  /** Gives out more from now on, or fewer as slots come back. */
  resize(capacity: number): void {
    this.#capacity = capacity;
    this.#serve();
  }

  /** Whether somebody of another kind of work waits for a slot: then one that is free again is given back, not kept. */
  wantedBeside(tier: QueueTier, kind: string): boolean {
    return (
      this.#closed ||
      this.#busy > this.#capacity ||
      this.#waiters.some((waiter) => waiter.tier !== tier || waiter.kind !== kind)
    );
  }

  /** Gives out no more slots; those that wait hear undefined. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.give(undefined);
  }

  #serve(): void {
    while (this.#busy < this.#capacity && this.#waiters.length > 0) {
      const next = this.#waiters.reduce((best, waiter) =>
        this.#passed[waiter.tier] < this.#passed[best.tier] ? waiter : best,
      );
      this.#waiters.splice(this.#waiters.indexOf(next), 1);
      this.#now = Math.max(this.#now, this.#passed[next.tier]);
      this.#passed[next.tier] += 1 / weights[next.tier];
      this.#busy += 1;
      next.give(this.#slot());
    }
  }

  #slot(): Slot {
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#busy -= 1;
        this.#serve();
      },
    };
  }
}
