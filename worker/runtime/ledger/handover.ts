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
}

interface HandoverRow {
  id: string;
  epoch: number;
  name: string;
  queue: QueueName;
  tenant_id: string;
  user_id: string | null;
  payload: unknown;
  priority: number;
}

/** A relay that dies in mid-batch holds its rows back for so long. */
const handoverSeconds = 10;

/**
 * Takes due rows that nobody is handing over, best priority and oldest first; several relays take different ones. Paused
 * queues keep theirs.
 */
export async function takeDue(db: Queryable, limit: number): Promise<Handover[]> {
  const rows = await db.query<HandoverRow>(
    `update tasks_live set handover_until = clock_timestamp() + interval '${handoverSeconds} seconds'
      where id in (
        select t.id from tasks_live t
         where t.status in ('PENDING', 'RETRYING') and t.due_at <= clock_timestamp()
           and (t.handover_until is null or t.handover_until < clock_timestamp())
           and (t.expires_at is null or t.expires_at > clock_timestamp() or t.started_at is not null)
         order by t.priority desc, t.due_at limit $1 for update skip locked)
      returning id, epoch, name, queue, tenant_id, user_id, payload, priority`,
    [limit],
  );
  return rows.map((row) => ({
    id: row.id,
    epoch: row.epoch,
    name: row.name,
    queue: row.queue,
    tenantId: row.tenant_id,
    userId: row.user_id ?? undefined,
    payload: row.payload,
    priority: row.priority,
  }));
}

/**
 * Marks rows that Redis now holds. A row that a worker has claimed meanwhile has another epoch and is left as it is, whatever
 * has become of it since.
 */
export async function markQueued(db: Queryable, rows: readonly Pick<Handover, 'id' | 'epoch'>[]): Promise<void> {
  await db.query(
    `update tasks_live t set status = 'QUEUED', queued_at = clock_timestamp(), handover_until = null
       from unnest($1::uuid[], $2::bigint[]) as handed (id, epoch)
      where t.id = handed.id and t.epoch = handed.epoch and t.status in ('PENDING', 'RETRYING')`,
    [rows.map((row) => row.id), rows.map((row) => row.epoch)],
  );
}

/** Lets relays have rows at once that were not handed over after all. */
export async function releaseHandover(db: Queryable, ids: readonly string[]): Promise<void> {
  await db.query(
    `update tasks_live set handover_until = null where id = any ($1::uuid[]) and status in ('PENDING', 'RETRYING')`,
    [ids],
  );
}

/**
 * Lets the relay have a waiting row whose job was just acknowledged. While that job stood in Redis an add of it was a silent
 * no-op, so a row that counts as handed over may have lost its job with the acknowledgement. The epoch goes up, so that a
 * late mark of that add is refused.
 */
export async function reopen(db: Queryable, id: string): Promise<void> {
  await db.query(
    `update tasks_live
        set epoch = epoch + 1, handover_until = null, status = case when status = 'QUEUED' then 'PENDING' else status end
      where id = $1 and status in ('PENDING', 'QUEUED', 'RETRYING')`,
    [id],
  );
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

/** Puts back rows that Redis no longer knows. */
export async function putBack(db: Queryable, ids: readonly string[]): Promise<number> {
  const rows = await db.query(
    `update tasks_live set status = 'PENDING', handover_until = null where id = any ($1::uuid[]) and status = 'QUEUED' returning id`,
    [ids],
  );
  return rows.length;
}
