/** Brings the schedules of code and platform into the database, and takes those out that are no longer defined. */
import { isDeepStrictEqual } from 'node:util';
import { v5 as uuidv5 } from 'uuid';
import type { Database, Transaction } from '../db/index.ts';
import { errorText, StartError } from '../errors.ts';
import {
  checkSchedule,
  type DefinedSchedule,
  databaseNow,
  nextOf,
  type ScheduleRow,
  sameTimes,
  scheduleColumns,
  specColumns,
  specValues,
  stateOf,
  type TaskRegistry,
  timingOf,
} from '../runtime/index.ts';

/** Any constant serves: the same schedule has the same id in each database. */
const namespace = '6f1b6c1e-6f0e-5d0a-9a41-3c2a7f7f5b0d';
/** Rows looked at in one statement. */
const batch = 1000;

/** @throws StartError `schedules_invalid` that lists every fault */
export function checkDefinitions(definitions: readonly DefinedSchedule[], registry: TaskRegistry, now: Date): void {
  const faults: string[] = [];
  const names = new Set<string>();
  for (const schedule of definitions) {
    if (names.has(schedule.name)) faults.push(`two schedules are named ${schedule.name}`);
    names.add(schedule.name);
    if (schedule.source === 'platform' && !registry.get(schedule.task)) continue;
    try {
      checkSchedule(schedule, registry, now);
    } catch (error) {
      faults.push(`${schedule.name}: ${errorText(error)}`);
    }
  }
  if (faults.length === 0) return;
  throw new StartError({
    code: 'schedules_invalid',
    message: `The schedules cannot be kept:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    hint: 'Mend the definitions in worker/tasks/schedules.ts.',
  });
}

export interface SeedDeps {
  readonly db: Database;
  readonly registry: TaskRegistry;
  /** Whose they are. */
  readonly tenantId: string;
  /** Told of a schedule of the calls' that stands still because its next slot cannot be computed: a time zone that is not known here. */
  readonly onFault?: (schedule: string, fault: string) => void;
}

/** Makes what is missing and changes what is defined otherwise; a schedule that is as defined is left as it is. */
export async function seedSchedules(
  { db, registry, tenantId }: SeedDeps,
  definitions: readonly DefinedSchedule[],
): Promise<void> {
  await db.tx(async (tx) => {
    const now = await databaseNow(tx);
    const rows = await tx.query<ScheduleRow>(
      `select ${scheduleColumns} from schedules where tenant_id = $1 and name = any ($2::text[]) order by name for update`,
      [tenantId, definitions.map(({ name }) => name)],
    );
    const known = new Map(rows.map((row) => [row.name, row]));
    for (const schedule of definitions.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
      await seed(tx, { schedule, row: known.get(schedule.name), tenantId, built: !!registry.get(schedule.task), now });
  });
}

interface Seeding {
  readonly schedule: DefinedSchedule;
  readonly row: ScheduleRow | undefined;
  readonly tenantId: string;
  readonly built: boolean;
  readonly now: Date;
}

async function seed(tx: Transaction, { schedule, row, tenantId, built, now }: Seeding): Promise<void> {
  const id = row?.id ?? uuidv5(`${tenantId} ${schedule.name}`, namespace);
  const { source, enabled } = schedule;
  if (row && row.source === source && row.enabled === enabled && row.built === built && asDefined(row, schedule))
    return;
  const active = stateOf({ built, enabled, paused: row?.paused ?? false }) === 'active';
  const kept =
    row?.next_slot && row.next_at && sameTimes(row, schedule) ? { slot: row.next_slot, at: row.next_at } : undefined;
  const next = active ? (kept ?? nextOf(id, schedule, now)) : undefined;
  await tx.query(
    `insert into schedules (id, tenant_id, name, source, enabled, built, next_slot, next_at, ${specColumns})
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
     on conflict (tenant_id, name) do update
        set (source, enabled, built, next_slot, next_at, ${specColumns}) =
            row (excluded.source, excluded.enabled, excluded.built, excluded.next_slot, excluded.next_at,
                 ${specColumns.replaceAll(/\w+/g, 'excluded.$&')}),
            revision = schedules.revision + 1, updated_at = now()`,
    [
      id,
      tenantId,
      schedule.name,
      source,
      enabled,
      built,
      next?.slot ?? null,
      next?.at ?? null,
      ...specValues(schedule),
    ],
  );
}

const asDefined = (row: ScheduleRow, schedule: DefinedSchedule): boolean =>
  sameTimes(row, schedule) &&
  row.task === schedule.task &&
  // the database keeps names in an order of its own
  isDeepStrictEqual(row.payload, schedule.payload) &&
  row.queue === (schedule.queue ?? null) &&
  row.priority === (schedule.priority ?? null) &&
  row.missed === schedule.missed &&
  row.expires === schedule.expires;

/** Takes out what code and platform no longer define; of the calls' own, lets those fire again whose task has come back. */
export async function settleSchedules(deps: SeedDeps, definitions: readonly DefinedSchedule[]): Promise<void> {
  const { db, registry, tenantId, onFault } = deps;
  await db.query(
    `delete from schedules where tenant_id = $1 and source in ('code', 'platform') and name <> all ($2::text[])`,
    [tenantId, definitions.map(({ name }) => name)],
  );
  for (;;) {
    const revived = await db.tx(async (tx) => {
      const now = await databaseNow(tx);
      const rows = await tx.query<ScheduleRow>(
        `select ${scheduleColumns} from schedules
          where not built and source = 'api' and task = any ($1::text[]) order by id limit ${batch} for update`,
        [registry.names],
      );
      for (const row of rows) {
        const active = stateOf({ ...row, built: true }) === 'active';
        const next = active ? nextOfRow(row, now, onFault) : undefined;
        await tx.query(
          'update schedules set built = true, next_slot = $2, next_at = $3, revision = revision + 1 where id = $1',
          [row.id, next?.slot ?? null, next?.at ?? null],
        );
      }
      return rows.length;
    });
    if (revived < batch) return;
  }
}

/** One row that is at fault must not keep a leader from firing all others. */
function nextOfRow(row: ScheduleRow, now: Date, onFault: SeedDeps['onFault']): ReturnType<typeof nextOf> {
  try {
    return nextOf(row.id, { timing: timingOf(row), jitterSeconds: row.jitter_seconds }, now);
  } catch (error) {
    onFault?.(row.name, errorText(error));
    return undefined;
  }
}
