/**
 * What this process knows of the window: how much of each queue stands in Redis, and for whom more waits in Postgres. Read from the
 * ledger by the relay each round; the fast path goes by it between two rounds.
 */
import type { QueueName } from '../queues.ts';
import { isLimited } from './ledger/rates.ts';
import { fewInWindow, pairKey, type WindowLimits, type WindowState } from './ledger/window.ts';

/** Knowledge older than this is none: the relay has stopped, or the database is away. */
const staleMs = 2000;

export class Window {
  readonly limits: WindowLimits;
  #total = new Map<QueueName, number>();
  #standing = new Map<string, number>();
  #waiting: ReadonlySet<string> = new Set();
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
    this.#waiting = new Set(state.waiting.map(({ queue, tenantId }) => pairKey(queue, tenantId)));
    this.#allWait = state.moreWait;
    this.#readAt = Date.now();
  }

  /**
   * Whether a task may go to Redis right after its commit, past the relay: its place among the tenant's, or undefined. Half of the
   * window is kept for the relay, since several processes let in at once without knowing of each other; and nobody goes before
   * what the same tenant has waiting in Postgres.
   */
  admit(queue: QueueName, tenantId: string): number | undefined {
    if (this.#allWait || Date.now() - this.#readAt > staleMs || isLimited(this.limits.rates, queue)) return undefined;
    const key = pairKey(queue, tenantId);
    if (this.#waiting.has(key)) return undefined;
    const total = this.#total.get(queue) ?? 0;
    const place = this.#standing.get(key) ?? 0;
    if (total >= this.limits.size / 2 && (place >= fewInWindow || total >= this.limits.size)) return undefined;
    this.#total.set(queue, total + 1);
    this.#standing.set(key, place + 1);
    return place;
  }
}
