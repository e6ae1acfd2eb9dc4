/**
 * What this process knows of the window: how much of each queue stands in Redis, and for whom more waits in Postgres. Read from the
 * ledger by the relay each round; the fast path goes by it between two rounds.
 */
import type { QueueName } from '../queues.ts';
import { isLimited } from './ledger/rates.ts';
import { fewInWindow, pairKey, pulledSize, type WindowLimits, type WindowState } from './ledger/window.ts';

/** Knowledge older than this is none: the relay has stopped, or the database is away. */
const staleMs = 2000;
/**
 * Looks that pass a part of what waits make one of the whole within this, or there is none: so long may a tenant's task go before one of his that
 * has become due meanwhile.
 */
const wholeMs = 5000;
/** Most pairs that are remembered of such looks; where more wait, the fast path is closed. */
const maxKnown = 20_000;
/**
 * What has been due for no longer than this, where workers pull, is on its way to them and closes the fast path to nobody: else each
 * look would find some of it, and all would go by the ledger for good.
 */
const youngSeconds = 0.05;
const nobody: readonly string[] = [];

/** Who waits, as looks at parts of the index found it. */
class Backlog {
  readonly beganAt = Date.now();
  readonly pairs = new Set<string>();
  /** Pulled queues in which somebody waits. */
  readonly queues = new Set<QueueName>();
}

export class Window {
  readonly limits: WindowLimits;
  #total = new Map<QueueName, number>();
  #standing = new Map<string, number>();
  /** The last look of the whole index, and the one that is under way. */
  #whole: Backlog | undefined;
  #part = new Backlog();
  #unserved: ReadonlySet<QueueName> = new Set();
  #tenants: ReadonlyMap<QueueName, readonly string[]> = new Map();
  #readAt = 0;

  constructor(limits: WindowLimits) {
    this.limits = limits;
  }

  /** Told by the relay what the ledger says. */
  learn(state: WindowState): void {
    this.#total = new Map();
    this.#standing = new Map();
    for (const { queue, tenantId, standing } of state.standing) {
      const key = pairKey(queue, tenantId);
      this.#total.set(queue, (this.#total.get(queue) ?? 0) + standing);
      this.#standing.set(key, (this.#standing.get(key) ?? 0) + standing);
    }
    if (state.after === undefined) this.#part = new Backlog();
    for (const { queue, tenantId, seconds } of state.waiting) {
      const pulled = !state.fetched.includes(queue);
      if ((pulled && seconds <= youngSeconds) || this.#part.pairs.size === maxKnown) continue;
      this.#part.pairs.add(pairKey(queue, tenantId));
      if (pulled) this.#part.queues.add(queue);
    }
    if (state.next === undefined) this.#whole = this.#part;
    this.#unserved = new Set(state.unserved);
    const byQueue = Map.groupBy(state.waiting, ({ queue }) => queue);
    this.#tenants = new Map([...byQueue].map(([queue, pairs]) => [queue, pairs.map(({ tenantId }) => tenantId)]));
    this.#readAt = Date.now();
  }

  /** Tenants of whom more of a queue was due in Postgres when it was last read; none of a limited queue, whose tokens the relay counts. */
  waitingIn(queue: QueueName): readonly string[] {
    if (Date.now() - this.#readAt > staleMs || isLimited(this.limits.rates, queue)) return nobody;
    return this.#tenants.get(queue) ?? nobody;
  }

  /**
   * Whether a task may go to Redis right after its commit, past the relay: its place among the tenant's, or undefined. Half of the
   * window is kept for the relay, since several processes let in at once without knowing of each other; and nobody goes before
   * what the same tenant has waiting in Postgres. While somebody waits whose workers pull, no more is let in than wakes them: as long as Redis has
   * work they pull nothing, and who waits would not have his turn. Of a queue without workers, no more than wakes those that come.
   */
  admit(queue: QueueName, tenantId: string): number | undefined {
    const whole = this.#whole;
    if (!whole || this.#isUnknown(whole) || isLimited(this.limits.rates, queue)) return undefined;
    const key = pairKey(queue, tenantId);
    if (whole.pairs.has(key) || this.#part.pairs.has(key)) return undefined;
    const total = this.#total.get(queue) ?? 0;
    const place = this.#standing.get(key) ?? 0;
    const wakes = this.#unserved.has(queue) || whole.queues.has(queue) || this.#part.queues.has(queue);
    const room = Math.min(this.limits.size / 2, wakes ? pulledSize : Number.POSITIVE_INFINITY);
    if (total >= room && (place >= fewInWindow || total >= this.limits.size)) return undefined;
    this.#total.set(queue, total + 1);
    this.#standing.set(key, place + 1);
    return place;
  }

  #isUnknown(whole: Backlog): boolean {
    const now = Date.now();
    return now - this.#readAt > staleMs || now - whole.beganAt > wholeMs || whole.pairs.size === maxKnown;
  }
}
