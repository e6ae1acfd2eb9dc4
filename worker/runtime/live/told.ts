/** What the listeners of a process have been told: which tasks live, so that the ledger is asked for their ends, and which have ended. */
import { isTerminal, type TaskRow } from '../ledger/rows.ts';
import { isFinal, type LiveEvent } from './event.ts';

/** Living tasks kept in mind; of more, the one known for longest goes first. */
const maxLiving = 50_000;
/** Ends kept in mind, so that one which comes by two ways is told once. */
const maxEnded = 10_000;

interface Living {
  readonly tenantId: string;
  readonly durable: boolean;
  /** The newest that was told. */
  epoch: number;
  /** Of the newest row that was told, while streams are away. */
  seen: string;
}

const look = ({ status, attempts, epoch, progress }: TaskRow) => JSON.stringify([status, attempts, epoch, progress]);

/** Adds to a map that holds so many at most. */
function keep<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.size > most ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}

export class Told {
  readonly #living = new Map<string, Living>();
  /** By task, the epoch of the end; those that are not durable have none. */
  readonly #ended = new Map<string, number>();

  /** A task of which a listener waits to hear. */
  expect(taskId: string, tenantId: string, durable: boolean): void {
    if (!this.#living.has(taskId)) keep(this.#living, taskId, { tenantId, durable, epoch: 0, seen: '' }, maxLiving);
  }

  /** A state that is no end is to be told. False: something newer was told already, as events of two processes may cross. */
  lives({ taskId, tenantId, epoch, durable }: LiveEvent): boolean {
    const ended = this.#ended.get(taskId);
    if (ended !== undefined && epoch <= ended) return false;
    this.expect(taskId, tenantId, durable);
    const living = this.#living.get(taskId);
    if (!living || epoch < living.epoch) return false;
    living.epoch = epoch;
    return true;
  }

  /** Whether this end is news. */
  end(event: LiveEvent): boolean {
    if (!isFinal(event)) throw new Error('expected the end of a task');
    const { taskId, epoch } = event;
    this.#living.delete(taskId);
    const ended = this.#ended.get(taskId);
    if (ended !== undefined && epoch <= ended) return false;
    keep(this.#ended, taskId, epoch, maxEnded);
    return true;
  }

  /** Whether a row says something that was not told from a row before. */
  isNews(row: TaskRow): boolean {
    if (isTerminal(row.status)) return true;
    const living = this.#living.get(row.id);
    if (!living) return true;
    const now = look(row);
    if (living.seen === now) return false;
    living.seen = now;
    return true;
  }

  forget(taskId: string): void {
    this.#living.delete(taskId);
  }

  /** Forgets living tasks that nobody listens to any more. */
  prune(keeps: (taskId: string, tenantId: string) => boolean): void {
    for (const [taskId, { tenantId }] of this.#living) if (!keeps(taskId, tenantId)) this.#living.delete(taskId);
  }

  durable(): string[] {
    return [...this.#living].flatMap(([id, { durable }]) => (durable ? [id] : []));
  }

  notDurable(): string[] {
    return [...this.#living].flatMap(([id, { durable }]) => (durable ? [] : [id]));
  }
}
