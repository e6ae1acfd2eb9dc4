/** Reading schedules: tenant in every query. */
import type { Queryable, SqlValue } from '../../db/index.ts';
import type { FiredSlot, ScheduleRow, ScheduleState } from './rows.ts';

export const scheduleColumns = `id, tenant_id, name, source, task, queue, payload, priority, cron, timezone, every_seconds, jitter_seconds,
  missed, expires, enabled, paused, built, revision, next_slot, next_at, last_slot, last_fired_at, last_fired_by, last_lateness,
  last_task_id, slots_fired, slots_missed, created_at, updated_at`;

const stateSql: Record<ScheduleState, string> = {
  active: 'built and enabled and not paused',
  paused: 'built and enabled and paused',
  disabled: 'built and not enabled',
  not_built: 'not built',
};

export interface ScheduleFilter {
  readonly state?: ScheduleState | undefined;
  readonly task?: string | undefined;
}

export interface SchedulePage {
  readonly schedules: readonly ScheduleRow[];
  /** The name that the next page comes after. */
  readonly next: string | undefined;
}

/** One page of a tenant's schedules, by name. */
export async function listSchedules(
  db: Queryable,
  tenantId: string,
  { state, task }: ScheduleFilter,
  after: string | undefined,
  limit: number,
): Promise<SchedulePage> {
  const params: SqlValue[] = [tenantId];
  const where = ['tenant_id = $1'];
  if (state) where.push(stateSql[state]);
  if (task !== undefined) where.push(`task = $${params.push(task)}`);
  if (after !== undefined) where.push(`name > $${params.push(after)}`);
  const rows = await db.query<ScheduleRow>(
    `select ${scheduleColumns} from schedules where ${where.join(' and ')} order by name limit ${limit + 1}`,
    params,
  );
  const page = rows.slice(0, limit);
  return { schedules: page, next: rows.length > limit ? page.at(-1)?.name : undefined };
}

export async function readSchedule(db: Queryable, tenantId: string, name: string): Promise<ScheduleRow | undefined> {
  const [row] = await db.query<ScheduleRow>(
    `select ${scheduleColumns} from schedules where tenant_id = $1 and name = $2`,
    [tenantId, name],
  );
  return row;
}

/** What a schedule fired, newest first. */
export async function firedSlots(
  db: Queryable,
  { tenant_id: tenantId, id }: Pick<ScheduleRow, 'tenant_id' | 'id'>,
  limit: number,
): Promise<FiredSlot[]> {
  return db.query<FiredSlot>(
    `select slot, task_id, by_hand, fired_at, fired_by, term from schedule_slots
      where schedule_id = (select id from schedules where id = $1 and tenant_id = $2) order by slot desc limit $3`,
    [id, tenantId, limit],
  );
}

/** Who leads the beats. */
export interface BeatLeader {
  readonly name: string;
  /** Rises with every takeover. */
  readonly term: number;
  readonly since: Date;
}

/** The leader whose lease runs; undefined: no beat is there, and nothing is fired. */
export async function readLeader(db: Queryable): Promise<BeatLeader | undefined> {
  const [row] = await db.query<BeatLeader>(
    'select name, term, since from beat_leader where lease_until > clock_timestamp() and holder is not null',
  );
  return row;
}
