/** A ledger of its own for a unit test, in memory, and rows in the states that tests begin with. */
import { randomUUID } from 'node:crypto';
import { type Database, migrate, openPglite } from '../../db/index.ts';
import { acceptTasks, type NewTask } from '../ledger/accept.ts';
import { claimTasks } from '../ledger/claim.ts';
import { ensurePartitions } from '../ledger/partitions.ts';
import { readTask } from '../ledger/read.ts';
import type { ClaimedTask, TaskRow } from '../ledger/rows.ts';

export const tenantId = randomUUID();

export const newTask = (more: Partial<NewTask> = {}): NewTask => ({
  name: 'noted',
  queue: 'fast_tasks',
  tenantId,
  payload: '{}',
  ...more,
});

/** Migrated, with the partitions of today; the caller closes it. */
export async function openLedger(): Promise<Database> {
  const db = await openPglite(undefined);
  await migrate(db);
  await ensurePartitions(db);
  return db;
}

/** The id of a new waiting row. */
export async function waitingTask(db: Database, more: Partial<NewTask> = {}): Promise<string> {
  const [accepted] = await db.tx((tx) => acceptTasks(tx, [newTask(more)]));
  if (!accepted) throw new Error('one task gives one answer');
  return accepted.id;
}

/** Undefined when the ledger lets nobody have it. */
export async function claim(db: Database, id: string, owner: string = randomUUID()): Promise<ClaimedTask | undefined> {
  const [task] = await claimTasks(db, [id], owner, 'test');
  return task;
}

/** A new row that runs. */
export async function runningTask(db: Database, more: Partial<NewTask> = {}): Promise<ClaimedTask> {
  const task = await claim(db, await waitingTask(db, more));
  if (!task) throw new Error('a new row is there to be claimed');
  return task;
}

/** As when nobody has renewed it. */
export async function lapse(db: Database, id: string): Promise<void> {
  await db.query(`update tasks_live set lease_until = clock_timestamp() - interval '1 second' where id = $1`, [id]);
}

/** Live or finished. @throws when there is none */
export async function rowOf(db: Database, id: string): Promise<TaskRow> {
  const row = await readTask(db, tenantId, id);
  if (!row) throw new Error(`no task ${id}`);
  return row;
}

/** Seconds until the lease of a running row is over, and whether it is to run alone. */
export async function holdOf(db: Database, id: string): Promise<{ leaseSeconds: number | null; suspect: boolean }> {
  const [row] = await db.query<{ leaseSeconds: number | null; suspect: boolean }>(
    `select extract(epoch from lease_until - clock_timestamp())::float8 as "leaseSeconds", suspect from tasks_live where id = $1`,
    [id],
  );
  if (!row) throw new Error(`no live task ${id}`);
  return row;
}
