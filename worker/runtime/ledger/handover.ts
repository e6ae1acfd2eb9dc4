/** Handing rows to Redis, and finding those that Redis forgot. */
import type { Queryable } from '../../db/index.ts';
import type { QueueName } from '../../queues.ts';

/** What a job needs of its row. */
export interface Handover {
  readonly id: string;
  readonly epoch: number;
  readonly name: string;
  readonly queue: QueueName;
  readonly tenantId: string;
  readonly userId: string | undefined;
  readonly payload: unknown;
  readonly priority: number;
  /** The tenant's place in the queue's window, from 0. */
  readonly place: number;
}

/**
 * Gives rows back to the relay whose jobs Redis did not take. A row that was claimed meanwhile has another epoch. One that somebody has
 * locked is passed over, here as in what follows: if it still waits when he is done, the reconciler finds it without a job.
 */
export async function release(db: Queryable, rows: readonly Pick<Handover, 'id' | 'epoch'>[]): Promise<void> {
  await db.query(
    `update tasks_live set status = 'PENDING'
      where id = any (array(
        select t.id from tasks_live t join unnest($1::uuid[], $2::bigint[]) as handed (id, epoch)
            on t.id = handed.id and t.epoch = handed.epoch and t.status = 'QUEUED'
         where t.id = any ($1::uuid[]) for update of t skip locked))`,
    [rows.map((row) => row.id), rows.map((row) => row.epoch)],
  );
}

/**
 * Lets the relay have a waiting row whose job was just acknowledged. While that job stood in Redis an add of it was a silent
 * no-op, so a row that counts as handed over may have lost its job with the acknowledgement.
 */
export async function reopen(db: Queryable, id: string): Promise<void> {
  await putBack(db, [id]);
}

/** Rows that have stood in Redis for longer than `seconds`, after `after` in id order: what the reconciler looks up. */
export async function queuedSince(
  db: Queryable,
  seconds: number,
  after: string | undefined,
  limit: number,
): Promise<{ id: string; queue: QueueName }[]> {
  return db.query<{ id: string; queue: QueueName }>(
    `select id, queue from tasks_live
      where status = 'QUEUED' and queued_at < clock_timestamp() - make_interval(secs => $1) and ($2::uuid is null or id > $2)
      order by id limit $3`,
    [seconds, after ?? null, limit],
  );
}

/** Puts back rows that Redis no longer knows; returns how many. */
export async function putBack(db: Queryable, ids: readonly string[]): Promise<number> {
  const rows = await db.query(
    `update tasks_live set status = 'PENDING'
      where id = any (array(
        select id from tasks_live where id = any (array(select unnest($1::uuid[]))) and status = 'QUEUED' for update skip locked))
      returning id`,
    [ids],
  );
  return rows.length;
}
