/** Watching tasks: one poll of the ledger, and of Redis for those that are not durable, serves every listener of a process, over any failover. */
import type { Database } from '../db/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { readTasks } from './ledger/read.ts';
import { isTerminal, type TaskRow } from './ledger/rows.ts';
import { type Loop, startLoop } from './loop.ts';
import type { NotDurableTasks } from './not-durable/index.ts';

const pollIntervalMs = 250;
/** Most ids asked for in one statement. */
const pollBatch = 1000;

type Listener = (row: TaskRow) => void;

interface Watched {
  readonly listeners: Set<Listener>;
  last: string;
}

/** What a listener would see as news. */
const fingerprint = (row: TaskRow) => JSON.stringify([row.status, row.attempts, row.progress, row.error]);

export class TaskWatcher {
  readonly #watched = new Map<string, Watched>();
  readonly #loop: Loop;

  constructor(db: Database, notDurable: Pick<NotDurableTasks, 'readKnown'>, log: Logger) {
    this.#loop = startLoop({
      name: 'task watcher',
      intervalMs: pollIntervalMs,
      log,
      round: async () => {
        const ids = [...this.#watched.keys()];
        for (let from = 0; from < ids.length; from += pollBatch) {
          const some = ids.slice(from, from + pollBatch);
          // apart from each other: while one is away the tasks of the other are told
          const sources = [readTasks(db, some), notDurable.readKnown(some)];
          const told = sources.map(async (rows) => {
            for (const row of await rows) this.#tell(row);
          });
          for (const end of await Promise.allSettled(told)) if (end.status === 'rejected') throw end.reason;
        }
        return undefined;
      },
    });
  }

  get size(): number {
    return this.#watched.size;
  }

  /** Calls `listener` with the row as it is and at each change, until disposed. */
  listen(id: string, listener: Listener): Disposable {
    const watched = this.#watched.get(id) ?? { listeners: new Set(), last: '' };
    this.#watched.set(id, watched);
    watched.listeners.add(listener);
    // the newcomer needs the state as it is; for the others an old state told again does no harm
    watched.last = '';
    this.#loop.nudge();
    return {
      [Symbol.dispose]: () => {
        watched.listeners.delete(listener);
        if (watched.listeners.size === 0) this.#watched.delete(id);
      },
    };
  }

  /** The row once it is terminal, or as it is after `timeoutMs`; undefined when there is none by then. */
  async untilTerminal(id: string, timeoutMs: number, signal?: AbortSignal): Promise<TaskRow | undefined> {
    return new Promise((resolve) => {
      let newest: TaskRow | undefined;
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        listening[Symbol.dispose]();
        resolve(newest);
      };
      const timer = setTimeout(done, timeoutMs);
      signal?.addEventListener('abort', done, { once: true });
      const listening = this.listen(id, (row) => {
        newest = row;
        if (isTerminal(row.status)) done();
      });
    });
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  #tell(row: TaskRow): void {
    const watched = this.#watched.get(row.id);
    if (!watched) return;
    const now = fingerprint(row);
    if (now === watched.last) return;
    watched.last = now;
    for (const listener of [...watched.listeners]) listener(row);
  }
}
