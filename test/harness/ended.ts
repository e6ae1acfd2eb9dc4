/** The end of tasks as the ledger has it, or Redis for those that are not durable: by asking again and again, and by nothing else. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../../worker/db/index.ts';
import { isTerminal, ledger, type NotDurableTasks, type TaskRow } from '../../worker/runtime/index.ts';

const pollMs = 50;

export interface TaskEndsDeps {
  readonly db: Database;
  readonly notDurable: Pick<NotDurableTasks, 'readKnown'>;
}

interface Waiter {
  readonly id: string;
  readonly deadline: number;
  readonly resolve: (row: TaskRow) => void;
  readonly reject: (error: Error) => void;
  last?: TaskRow;
}

/** Asks for all who wait in one statement: a thousand that each asked for themselves kept the servers busy with nothing else. */
export class TaskEnds {
  readonly #deps: TaskEndsDeps;
  readonly #waiting = new Set<Waiter>();
  #asking = false;

  constructor(deps: TaskEndsDeps) {
    this.#deps = deps;
  }

  /** The row once it is terminal. @throws when that takes longer than `withinMs` */
  ended(id: string, withinMs: number): Promise<TaskRow> {
    return new Promise((resolve, reject) => {
      this.#waiting.add({ id, deadline: Date.now() + withinMs, resolve, reject });
      if (!this.#asking) void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    for (; this.#waiting.size > 0; await wait(pollMs)) {
      const asked = [...this.#waiting];
      // a suite takes the servers away: then there is no answer for a while
      const rows = await this.#read([...new Set(asked.map(({ id }) => id.toLowerCase()))]).catch(() => []);
      const known = new Map(rows.map((row) => [row.id, row]));
      for (const waiter of asked) this.#tell(waiter, known.get(waiter.id.toLowerCase()));
    }
    this.#asking = false;
  }

  #tell(waiter: Waiter, row: TaskRow | undefined): void {
    if (row) waiter.last = row;
    const late = Date.now() > waiter.deadline;
    const ended = row && isTerminal(row.status);
    if (!ended && !late) return;
    this.#waiting.delete(waiter);
    if (ended) waiter.resolve(row);
    else waiter.reject(new Error(`task ${waiter.id} was ${waiter.last?.status ?? 'unknown'} to the last`));
  }

  async #read(ids: readonly string[]): Promise<TaskRow[]> {
    const rows = await ledger.readTasks(this.#deps.db, ids);
    const known = new Set(rows.map(({ id }) => id));
    const others = ids.filter((id) => !known.has(id));
    return others.length === 0 ? rows : [...rows, ...(await this.#deps.notDurable.readKnown(others))];
  }
}
