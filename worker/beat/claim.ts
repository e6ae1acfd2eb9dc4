/** Claiming slots: the fence, the rows moved on, the slots recorded and their tasks accepted, in one transaction. */
import { setImmediate } from 'node:timers/promises';
import type { Database } from '../db/index.ts';
import { type Enqueuer, maxBatch, scheduleColumns, type TaskRegistry } from '../runtime/index.ts';
import { holdLead, type Lease } from './lease.ts';
import { type DueRow, type PlannedRow, type PlannedSlot, planRow } from './plan.ts';

/** Rows planned before other work of the process gets its turn. */
const rowsPerTurn = 100;
/** Payloads held at a time, as Postgres has them; one may take 1 MiB. */
const maxPayloadsBytes = 33_554_432;

export interface ClaimDeps {
  readonly db: Database;
  readonly enqueuer: Pick<Enqueuer, 'within'>;
  readonly registry: TaskRegistry;
}

/** What is due, oldest first, by the database's clock; and when more is. */
export interface Due {
  readonly rows: readonly DueRow[];
  readonly now: Date;
  /** Milliseconds until the next one, when nothing is due now and one is within `lookAheadMs`. */
  readonly nextInMs: number | undefined;
}

/** @param limit rows at most; of large payloads fewer */
export async function readDue(db: Database, lookAheadMs: number, limit: number): Promise<Due> {
  const rows = await db.query<DueRow & { now: Date; in_ms: number }>(
    `select ${scheduleColumns}, now() as now, (extract(epoch from next_at - now()) * 1000)::float8 as in_ms
       from (select *, sum(pg_column_size(payload)) over (order by next_at, id) as bytes, row_number() over (order by next_at, id) as place
               from (select * from schedules where next_at is not null and next_at <= now() + make_interval(secs => $1)
                      order by next_at limit $2) as soonest) as counted
      where bytes <= ${maxPayloadsBytes} or place = 1 order by next_at, id`,
    [lookAheadMs / 1000, limit],
  );
  const due = rows.filter((row) => row.in_ms <= 0);
  const nextInMs = due.length === 0 ? rows[0]?.in_ms : undefined;
  return { rows: due, now: rows[0]?.now ?? new Date(0), nextInMs };
}

/** Plans rows in order, as many at a time as give a batch of tasks. */
export async function* planDueRows({ rows, now }: Due, registry: TaskRegistry): AsyncGenerator<PlannedRow[]> {
  let planned: PlannedRow[] = [];
  let tasks = 0;
  for (const [place, row] of rows.entries()) {
    if (place % rowsPerTurn === rowsPerTurn - 1) await setImmediate();
    const plan = planRow(row, registry, now);
    if (planned.length > 0 && (planned.length === maxBatch || tasks + plan.slots.length > maxBatch)) {
      yield planned;
      planned = [];
      tasks = 0;
    }
    tasks += plan.slots.length;
    planned.push(plan);
  }
  if (planned.length > 0) yield planned;
}

const claimSql = `
  with plan as (
    select * from jsonb_to_recordset($1::jsonb) as r (id uuid, revision bigint, next_slot timestamptz, next_at timestamptz,
      first_slot timestamptz, last_slot timestamptz, due_at timestamptz, task_id uuid, fired integer, missed integer, built boolean)),
  moved as (
    update schedules s
       set revision = s.revision + 1, next_slot = r.next_slot, next_at = r.next_at, built = r.built,
           slots_fired = s.slots_fired + r.fired, slots_missed = s.slots_missed + r.missed,
           last_slot = coalesce(r.last_slot, s.last_slot),
           last_task_id = coalesce(r.task_id, s.last_task_id),
           last_fired_at = case when r.fired > 0 then clock_timestamp() else s.last_fired_at end,
           last_fired_by = case when r.fired > 0 then $3 else s.last_fired_by end,
           last_lateness = case when r.fired > 0 then extract(epoch from clock_timestamp() - r.due_at) else s.last_lateness end
      from plan r
     where s.id = r.id and s.revision = r.revision and (s.last_slot < r.first_slot or s.last_slot is null or r.first_slot is null)
    returning s.id)
  insert into schedule_slots (schedule_id, slot, task_id, fired_by, term)
  select f.schedule_id, f.slot, f.task_id, $3, $4
    from jsonb_to_recordset($2::jsonb) as f (schedule_id uuid, slot timestamptz, task_id uuid)
   where f.schedule_id in (select id from moved)
  on conflict do nothing
  returning task_id, fired_at`;

/** What was fired, with its lateness in seconds. */
export interface Fired {
  readonly slot: PlannedSlot;
  readonly latenessSeconds: number;
}

/**
 * Fires what was planned. A row that was changed or claimed since is left alone, and comes again if it is due.
 * @throws NotLeaderError when the lease is over: then nothing of it happened
 */
export async function claimSlots(
  { db, enqueuer }: ClaimDeps,
  lease: Lease,
  planned: readonly PlannedRow[],
): Promise<{ readonly fired: readonly Fired[]; readonly handOver: () => Promise<void> }> {
  const slots = new Map(
    planned.flatMap((row) => row.slots.map((slot) => [slot.request.options.taskId, slot] as const)),
  );
  return db.tx(async (tx) => {
    await holdLead(tx, lease);
    const recorded = await tx.query<{ task_id: string; fired_at: Date }>(claimSql, [
      JSON.stringify(planned.map(rowJson)),
      JSON.stringify(
        [...slots].map(([task_id, { scheduleId: schedule_id, slot }]) => ({ schedule_id, slot, task_id })),
      ),
      lease.name,
      lease.term,
    ]);
    const fired = recorded.flatMap(({ task_id: id, fired_at: firedAt }): Fired[] => {
      const slot = slots.get(id);
      return slot ? [{ slot, latenessSeconds: Math.max(0, (firedAt.getTime() - slot.dueAt.getTime()) / 1000) }] : [];
    });
    if (fired.length === 0) return { fired, handOver: async () => undefined };
    const { handOver } = await enqueuer.within(
      tx,
      fired.map(({ slot }) => slot.request),
    );
    return { fired, handOver };
  });
}

function rowJson({ id, revision, slots, missed, next, built }: PlannedRow) {
  const last = slots.at(-1);
  return {
    id,
    revision,
    next_slot: next?.slot,
    next_at: next?.at,
    first_slot: slots[0]?.slot,
    last_slot: last?.slot,
    due_at: last?.dueAt,
    task_id: last?.request.options.taskId,
    fired: slots.length,
    missed,
    built,
  };
}
