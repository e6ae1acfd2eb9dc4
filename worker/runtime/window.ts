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
 * What has been due for no longer than this, where workers pull, is on its way to them and closes the fast path to nobody: else each
 * look would find some of it, and all would go by the ledger for good.
 */
const youngSeconds = 0.05;
const nobody: readonly string[] = [];

export class Window {
  readonly limits: WindowLimits;
  #total = new Map<QueueName, number>();
  #standing = new Map<string, number>();
  #waiting: ReadonlySet<string> = new Set();
  /** Pulled queues in which somebody waits. */
  #backed: ReadonlySet<QueueName> = new Set();
  #tenants: ReadonlyMap<QueueName, readonly string[]> = new Map();
  #allWait = true;
  #readAt = 0;

  constructor(limits: WindowLimits) {
    this.limits = limits;
  }

  /** Told by the relay what the ledger says. */
  learn(state: WindowState): void {
    this.#total = new Map();
    this.#standing = new Map();
    for (const { queue, tenantId, standing } of state.standing) {
      this.#total.set(queue, (this.#total.get(queue) ?? 0) + standing);
      this.#standing.set(pairKey(queue, tenantId), standing);
    }
    const closed = state.waiting.filter(
      ({ queue, seconds }) => seconds > youngSeconds || !state.pulled.includes(queue),
    );
    this.#waiting = new Set(closed.map(({ queue, tenantId }) => pairKey(queue, tenantId)));
    this.#backed = new Set(closed.map(({ queue }) => queue).filter((queue) => state.pulled.includes(queue)));
    const byQueue = Map.groupBy(state.waiting, ({ queue }) => queue);
    this.#tenants = new Map([...byQueue].map(([queue, pairs]) => [queue, pairs.map(({ tenantId }) => tenantId)]));
    this.#allWait = state.moreWait;
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
   * work they pull nothing, and who waits would not have his turn.
   */
  admit(queue: QueueName, tenantId: string): number | undefined {
    if (this.#allWait || Date.now() - this.#readAt > staleMs || isLimited(this.limits.rates, queue)) return undefined;
    const key = pairKey(queue, tenantId);
    if (this.#waiting.has(key)) return undefined;
    const total = this.#total.get(queue) ?? 0;
    const place = this.#standing.get(key) ?? 0;
    const room = Math.min(this.limits.size / 2, this.#backed.has(queue) ? pulledSize : Number.POSITIVE_INFINITY);
    if (total >= room && (place >= fewInWindow || total >= this.limits.size)) return undefined;
    this.#total.set(queue, total + 1);
    this.#standing.set(key, place + 1);
    return place;
  }
}
