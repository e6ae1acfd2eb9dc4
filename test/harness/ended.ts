/** The end of a task as the ledger has it, or Redis for one that is not durable: by asking again and again, and by nothing else. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../../worker/db/index.ts';
import { isTerminal, type NotDurableTasks, readTask, type TaskRow } from '../../worker/runtime/index.ts';

const pollMs = 50;

/** The row once it is terminal. @throws when that takes longer than `withinMs` */
export async function endedTask(
  { db, notDurable }: { readonly db: Database; readonly notDurable: Pick<NotDurableTasks, 'readKnown'> },
  id: string,
  withinMs: number,
): Promise<TaskRow> {
  const deadline = Date.now() + withinMs;
  let last: TaskRow | undefined;
  for (;;) {
    // a suite takes the servers away: then there is no answer for a while
    last = (await read(db, notDurable, id).catch(() => undefined)) ?? last;
    if (last && isTerminal(last.status)) return last;
    if (Date.now() > deadline) throw new Error(`task ${id} is ${last?.status ?? 'unknown'} after ${withinMs} ms`);
    await wait(pollMs);
  }
}

async function read(db: Database, notDurable: Pick<NotDurableTasks, 'readKnown'>, id: string) {
  const [owner] = await db.query<{ tenant_id: string }>('select tenant_id from tasks where id = $1', [id]);
  return owner ? readTask(db, owner.tenant_id, id) : (await notDurable.readKnown([id]))[0];
}
