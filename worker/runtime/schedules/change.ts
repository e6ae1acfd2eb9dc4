/** What people do with schedules: made and changed, paused, resumed, run now, deleted. Tenant in every query. */
import { v7 as uuidv7 } from 'uuid';
import type { Database, Queryable, Transaction } from '../../db/index.ts';
import { MillraceError } from '../../errors.ts';
import type { Enqueuer } from '../enqueue.ts';
import type { Accepted } from '../ledger/accept.ts';
import type { TaskRegistry } from '../registry.ts';
import { checkSchedule, nextOf, type ScheduleSpec } from './define-schedule.ts';
import { scheduleColumns } from './read.ts';
import { type ScheduleRow, sameTimes, specColumns, specValues, stateOf, timingOf } from './rows.ts';

/** The clock that slots go by. */
export async function databaseNow(db: Queryable): Promise<Date> {
  const [row] = await db.query<{ now: Date }>('select clock_timestamp() as now');
  if (!row) throw new Error('the database did not tell its time');
  return row.now;
}

const locked = async (tx: Transaction, tenantId: string, name: string): Promise<ScheduleRow | undefined> => {
  const [row] = await tx.query<ScheduleRow>(
    `select ${scheduleColumns} from schedules where tenant_id = $1 and name = $2 for update`,
    [tenantId, name],
  );
  return row;
};

const fixed = (name: string, source: string) =>
  new MillraceError({
    code: 'schedule_fixed',
    message: `The schedule ${name} is defined ${source === 'code' ? 'in code' : 'by the platform'}, and only there it is changed or deleted.`,
    hint:
      source === 'code'
        ? 'Change its defineSchedule, or pause it.'
        : 'Its flag of the environment turns it on and off; or pause it.',
  });

/**
 * Makes a schedule or changes one that was made so; what it has fired and whether it is paused stay. Times that are changed
 * count from now.
 * @throws MillraceError `schedule_invalid`, `schedule_fixed`, `task_unknown`; PayloadError
 */
export async function putSchedule(
  db: Database,
  registry: TaskRegistry,
  tenantId: string,
  spec: ScheduleSpec,
): Promise<{ readonly row: ScheduleRow; readonly created: boolean }> {
  checkSchedule(spec, registry, await databaseNow(db));
  const newId = uuidv7();
  return db.tx(async (tx) => {
    const now = await databaseNow(tx);
    const first = nextOf(newId, spec, now);
    const [made] = await tx.query<ScheduleRow>(
      `insert into schedules (id, tenant_id, name, source, next_slot, next_at, ${specColumns})
       values ($1, $2, $3, 'api', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
       on conflict (tenant_id, name) do nothing returning ${scheduleColumns}`,
      [newId, tenantId, spec.name, first?.slot ?? null, first?.at ?? null, ...specValues(spec)],
    );
    if (made) return { row: made, created: true };
    const old = await locked(tx, tenantId, spec.name);
    // deleted in this very moment
    if (!old) throw notThere(spec.name);
    if (old.source !== 'api') throw fixed(old.name, old.source);
    const kept = old.next_slot !== null && sameTimes(old, spec);
    const next = kept ? { slot: old.next_slot, at: old.next_at } : nextOf(old.id, spec, now);
    const active = stateOf({ ...old, built: true }) === 'active';
    const [row] = await tx.query<ScheduleRow>(
      `update schedules set (next_slot, next_at, ${specColumns}) = row ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13),
              built = true, revision = revision + 1, updated_at = now()
        where id = $1 returning ${scheduleColumns}`,
      [old.id, (active && next?.slot) || null, (active && next?.at) || null, ...specValues(spec)],
    );
    if (!row) throw notThere(spec.name);
    return { row, created: false };
  });
}

const notThere = (name: string) =>
  new MillraceError({ code: 'schedule_not_found', message: `There is no schedule ${name}.` });

/** Pauses a schedule, or lets it go on with the first slot from now: what came meanwhile is not made up for. */
export async function setSchedulePaused(
  db: Database,
  tenantId: string,
  name: string,
  paused: boolean,
): Promise<ScheduleRow | undefined> {
  return db.tx(async (tx) => {
    const old = await locked(tx, tenantId, name);
    if (!old || old.paused === paused) return old;
    const timing = timingOf(old);
    const next =
      stateOf({ ...old, paused }) === 'active'
        ? nextOf(old.id, { timing, jitterSeconds: old.jitter_seconds }, await databaseNow(tx))
        : undefined;
    const [row] = await tx.query<ScheduleRow>(
      `update schedules set paused = $2, next_slot = $3, next_at = $4, revision = revision + 1, updated_at = now()
        where id = $1 returning ${scheduleColumns}`,
      [old.id, paused, next?.slot ?? null, next?.at ?? null],
    );
    return row;
  });
}

export interface RunNow {
  readonly tenantId: string;
  readonly name: string;
  /** Chosen beforehand: run again with the same one, it is run once. */
  readonly taskId: string;
  /** For people, in the list of what was fired. */
  readonly by: string;
}

/**
 * Sends the task of a schedule at once, whether it is paused or not; its slots stay as they are.
 * @throws MillraceError `schedule_not_built`
 */
export async function runScheduleNow(
  db: Database,
  enqueuer: Pick<Enqueuer, 'within'>,
  { tenantId, name, taskId, by }: RunNow,
): Promise<Accepted | undefined> {
  const sent = await db.tx(async (tx) => {
    const row = await locked(tx, tenantId, name);
    if (!row) return undefined;
    if (!row.built)
      throw new MillraceError({
        code: 'schedule_not_built',
        message: `The task ${row.task} of the schedule ${name} is not part of this release.`,
      });
    const options = { taskId, queue: row.queue ?? undefined, priority: row.priority ?? undefined };
    const { accepted, handOver } = await enqueuer.within(tx, [
      { task: row.task, payload: row.payload, tenantId, options },
    ]);
    await tx.query(
      `insert into schedule_slots (schedule_id, slot, task_id, by_hand, fired_by)
       select $1, clock_timestamp(), $2, true, $3 where not exists (select from schedule_slots where schedule_id = $1 and task_id = $2)`,
      [row.id, taskId, by],
    );
    return { accepted: accepted[0], handOver };
  });
  void sent?.handOver();
  return sent?.accepted;
}

/** @throws MillraceError `schedule_fixed` */
export async function deleteSchedule(db: Database, tenantId: string, name: string): Promise<boolean> {
  return db.tx(async (tx) => {
    const row = await locked(tx, tenantId, name);
    if (!row) return false;
    if (row.source !== 'api') throw fixed(name, row.source);
    await tx.query('delete from schedules where id = $1 and tenant_id = $2', [row.id, tenantId]);
    return true;
  });
}
