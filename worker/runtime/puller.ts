/** Takes tasks of the backlog straight from the ledger, tenants by turns: what Redis was not given needs no way through it. */
import type { Database } from '../db/index.ts';
import type { QueueName } from '../queues.ts';
import { pullTasks } from './ledger/pull.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import type { Window } from './window.ts';

export interface PullerOptions {
  readonly db: Database;
  /** Of this process, whose relay tells it who waits. */
  readonly window: Window;
  /** The owner of the claims. */
  readonly owner: string;
  /** Name of this process, for people. */
  readonly worker: string;
}

/** Whose turn it is in a queue. */
interface Turns {
  /** What the relay told: another list is another look at the ledger. */
  told: readonly string[];
  /** Those who may have more, in the order of their turns. */
  waiting: string[];
  /** When something was last had of whom, by `performance.now()`; of the last moment. */
  readonly had: Map<string, number>;
  hadAt: number;
  /** For how long the oldest had been due that was had then, seconds. */
  hadSeconds: number;
}

/** Tenants that a pull asks for, each at nine levels of priority: more are left to the next. */
const tenantsAtOnce = 32;
/**
 * For so long after a pull that found something others may follow, although no look told of them: who accepts goes by its own last look,
 * which is as old as its relay's interval, and leaves what comes meanwhile to the ledger.
 */
const flowMs = 400;

export class Puller {
  readonly #options: PullerOptions;
  readonly #turns = new Map<QueueName, Turns>();

  constructor(options: PullerOptions) {
    this.#options = options;
  }

  /** Whether something was pulled within a moment. */
  flows(queue: QueueName): boolean {
    const hadAt = this.#turns.get(queue)?.hadAt;
    return hadAt !== undefined && performance.now() - hadAt < flowMs;
  }

  /** For how long the oldest had been due that was pulled last, of the queues whose backlog flows, seconds; undefined when none does. */
  get backlogSeconds(): number | undefined {
    const flowing = [...this.#turns].filter(([queue]) => this.flows(queue));
    return flowing.length === 0 ? undefined : Math.max(...flowing.map(([, { hadSeconds }]) => hadSeconds));
  }

  /** Claims up to so many due tasks of the backlog; none, and no question asked, where none is known to wait. @throws what the database says */
  async pull(queue: QueueName, most: number): Promise<ClaimedTask[]> {
    const { db, owner, worker } = this.#options;
    const turns = this.#turnsOf(queue);
    if (turns.waiting.length === 0) turns.waiting.push(...turns.had.keys());
    const tenants = turns.waiting.splice(0, tenantsAtOnce);
    if (tenants.length === 0) return [];
    const share = Math.ceil(most / tenants.length);
    const tasks = await pullTasks(db, { queue, tenants, share, most, owner, worker });
    const got = new Set(tasks.map((task) => task.tenantId));
    const now = performance.now();
    // in the order in which it was last had of them
    for (const id of got) {
      turns.had.delete(id);
      turns.had.set(id, now);
    }
    if (tasks.length > 0) {
      turns.hadAt = now;
      turns.hadSeconds = (Date.now() - Math.min(...tasks.map(({ dueAt }) => dueAt.getTime()))) / 1000;
    }
    // some may have been passed over for higher priorities, and keep their turn; else they have no more, until the relay looks again
    if (tasks.length === most) turns.waiting.unshift(...tenants.filter((id) => !got.has(id)));
    turns.waiting.push(...tenants.filter((id) => got.has(id)));
    return tasks;
  }

  /** After a new look of the relay at the ledger, turns go on where they were. */
  #turnsOf(queue: QueueName): Turns {
    const told = this.#options.window.waitingIn(queue);
    let turns = this.#turns.get(queue);
    if (!turns) {
      turns = { told: [], waiting: [], had: new Map(), hadAt: Number.NEGATIVE_INFINITY, hadSeconds: 0 };
      this.#turns.set(queue, turns);
    }
    if (turns.told !== told) {
      const known = new Set(turns.waiting);
      turns.told = told;
      turns.waiting.push(...told.filter((id) => !known.has(id)));
    }
    const since = performance.now() - flowMs;
    for (const [id, at] of turns.had) if (at < since) turns.had.delete(id);
    return turns;
  }
}
