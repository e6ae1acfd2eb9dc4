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
 * Looks that pass a part of what waits make one of the whole within this, or the fast path is closed: so long may a tenant's task go before one of
 * his that has become due meanwhile.
 */
const wholeMs = 5000;
/** Most pairs that are remembered of such looks; where more wait, the fast path is closed. */
const maxKnown = 20_000;
const levels = 10;
/**
 * What has been due for no longer than this, where workers pull, is on its way to them and closes the fast path to nobody: else each
 * look would find some of it, and all would go by the ledger for good.
 */
const youngSeconds = 0.05;
const nobody: readonly string[] = [];

/** Who waits, as looks at parts of the index found it. */
class Backlog {
  readonly #beganAt = Date.now();
  #endedAt: number | undefined;
  /** Those before whom the fast path lets nobody of theirs. */
  readonly pairs = new Set<string>();
  /** Pulled queues in which somebody of these waits. */
  readonly queues = new Set<QueueName>();
  readonly tenants = new Map<QueueName, Set<string>>();
  #count = 0;

  add({ queue, tenantId }: { readonly queue: QueueName; readonly tenantId: string }): void {
    this.#count += 1;
    const known = this.tenants.get(queue);
    if (known) known.add(tenantId);
    else this.tenants.set(queue, new Set([tenantId]));
  }

  end(): void {
    this.#endedAt = Date.now();
  }

  get isFull(): boolean {
    return this.#count === maxKnown;
  }

  /** For how long the looks have gone on, or went on. */
  get ms(): number {
    return (this.#endedAt ?? Date.now()) - this.#beganAt;
  }
}

export class Window {
  readonly limits: WindowLimits;
  #total = new Map<QueueName, number>();
  /** Jobs of a pair in Redis, by priority. */
  #standing = new Map<string, number[]>();
  /** The last look of the whole index, and the one that is under way. */
  #whole: Backlog | undefined;
  #part = new Backlog();
  /** Who was found by the last look alone. */
  #look: ReadonlyMap<QueueName, WindowState['waiting']> = new Map();
  #unserved: ReadonlySet<QueueName> = new Set();
  /** Of what waits, as it was told since the last look: the same list for the same knowledge. */
  #tenants = new Map<QueueName, readonly string[]>();
  #readAt = 0;

  constructor(limits: WindowLimits) {
    this.limits = limits;
  }

  /** Told by the relay what the ledger says. */
  learn(state: WindowState): void {
    this.#total = new Map();
    this.#standing = new Map();
    for (const { queue, tenantId, priority, standing } of state.standing) {
      this.#total.set(queue, (this.#total.get(queue) ?? 0) + standing);
      this.#stand(pairKey(queue, tenantId), priority, standing);
    }
    if (state.after === undefined) this.#part = new Backlog();
    this.#look = Map.groupBy(state.waiting, ({ queue }) => queue);
    for (const pair of state.waiting) {
      if (this.#part.isFull) break;
      this.#part.add(pair);
      const pulled = !state.fetched.includes(pair.queue);
      if (pulled && pair.seconds <= youngSeconds) continue;
      this.#part.pairs.add(pairKey(pair.queue, pair.tenantId));
      if (pulled) this.#part.queues.add(pair.queue);
    }
    if (state.next === undefined) {
      this.#part.end();
      this.#whole = this.#part;
    }
    this.#unserved = new Set(state.unserved);
    this.#tenants = new Map();
    this.#readAt = Date.now();
  }

  #stand(key: string, priority: number, count: number): void {
    let counts = this.#standing.get(key);
    if (!counts) {
      counts = Array<number>(levels).fill(0);
      this.#standing.set(key, counts);
    }
    counts[priority] = (counts[priority] ?? 0) + count;
  }

  /** Tenants of whom more of a queue was due in Postgres when they were last looked at; none of a limited queue, whose tokens the relay counts. */
  waitingIn(queue: QueueName): readonly string[] {
    if (Date.now() - this.#readAt > staleMs || isLimited(this.limits.rates, queue)) return nobody;
    let told = this.#tenants.get(queue);
    if (!told) {
      const found = (this.#look.get(queue) ?? []).map(({ tenantId }) => tenantId);
      const others = [this.#part, this.#whole].flatMap((backlog) => [...(backlog?.tenants.get(queue) ?? [])]);
      told = [...new Set([...found, ...others])];
      this.#tenants.set(queue, told);
    }
    return told;
  }

  /**
   * Whether a task may go to Redis right after its commit, past the relay: its place among the tenant's, or undefined. Half of the
   * window is kept for the relay, since several processes let in at once without knowing of each other; and nobody goes before
   * what the same tenant has waiting in Postgres. While somebody waits whose workers pull, no more is let in than wakes them: as long as Redis has
   * work they pull nothing, and who waits would not have his turn. Of a queue without workers, no more than wakes those that come.
   * @param priority 1 to 9: what the tenant has there of lower ones does not count
   */
  admit(queue: QueueName, tenantId: string, priority: number): number | undefined {
    const whole = this.#whole;
    if (!whole || this.#isUnknown(whole) || isLimited(this.limits.rates, queue)) return undefined;
    const key = pairKey(queue, tenantId);
    if (whole.pairs.has(key) || this.#part.pairs.has(key)) return undefined;
    const total = this.#total.get(queue) ?? 0;
    const place = (this.#standing.get(key) ?? []).slice(priority).reduce((sum, count) => sum + count, 0);
    const unserved = this.#unserved.has(queue);
    const wakes = unserved || whole.queues.has(queue) || this.#part.queues.has(queue);
    const room = Math.min(this.limits.size / 2, wakes ? pulledSize : Number.POSITIVE_INFINITY);
    if (total >= room && (unserved || place >= fewInWindow || total >= this.limits.size)) return undefined;
    this.#total.set(queue, total + 1);
    this.#stand(key, priority, 1);
    return place;
  }

  #isUnknown(whole: Backlog): boolean {
    if (Date.now() - this.#readAt > staleMs) return true;
    return [whole, this.#part].some((backlog) => backlog.isFull || backlog.ms > wholeMs);
  }
}
