/** Tasks that are asked for one by one, read many in a statement. */
import type { Database } from '../db/index.ts';
import { Grouped } from './grouped.ts';
import { readStates } from './ledger/live.ts';
import type { TaskRow } from './ledger/rows.ts';
import { isNotDurableRow, type NotDurableTasks } from './not-durable/index.ts';

/** Results may be large: so many are held in memory at once. */
const groupedReads = { most: 200, lanes: 2 };

export class TaskReader {
  readonly #notDurable: Pick<NotDurableTasks, 'read' | 'readKnown'>;
  readonly #rows: Grouped<string, TaskRow | undefined>;

  constructor(db: Database, notDurable: Pick<NotDurableTasks, 'read' | 'readKnown'>) {
    this.#notDurable = notDurable;
    const write = async (ids: readonly string[]) => {
      const rows = new Map((await readStates(db, ids)).map((row) => [row.id, row]));
      return ids.map((id) => rows.get(id.toLowerCase()));
    };
    this.#rows = new Grouped({ ...groupedReads, write });
  }

  /**
   * A tenant's task without its payload and its former errors. The ledger is asked first; Redis, which alone knows tasks that are not
   * durable, when it has no row.
   * @throws MillraceError `redis_unavailable`
   */
  async read(tenantId: string, id: string): Promise<TaskRow | undefined> {
    const row = await this.#rows.add(id);
    if (!row) return this.#notDurable.read(tenantId, id);
    return row.tenant_id === tenantId ? row : undefined;
  }

  /** How a task stands now that was read before. */
  async again(row: TaskRow): Promise<TaskRow | undefined> {
    if (!isNotDurableRow(row)) return this.#rows.add(row.id);
    const [now] = await this.#notDurable.readKnown([row.id]);
    return now;
  }
}
