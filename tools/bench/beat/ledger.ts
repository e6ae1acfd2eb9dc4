/** Schedules of the benchmark, put into the database, and what the ledger says that became of them. */
import type { Database } from '../../../worker/db/index.ts';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';

/** What all have in common: no payload, made up for, and nothing that expires, so that each slot is counted. */
const columns = `id, tenant_id, name, source, task, missed, expires, next_slot, next_at`;
const common = `gen_random_uuid(), $1::uuid, 'bench-' || n, 'api', 'sample_noop', 'all', false`;

/** So many that fire each second, all at its beginning. */
export async function addEachSecond(db: Database, count: number): Promise<void> {
  await db.query(
    `insert into schedules (${columns}, every_seconds)
     select ${common}, at, at, 1 from generate_series(1, $2::int) as n, (select date_trunc('second', now()) + interval '2 s' as at) as first`,
    [defaultTenantId, count],
  );
}

/** Different expressions among the schedules of one instant: in an installation many share one. */
const expressions = 120;

/** So many of cron expressions that are due at one instant, `afterSeconds` from now, and not again for hours. */
export async function addAtOnce(db: Database, count: number, afterSeconds: number): Promise<Date> {
  const [row] = await db.query<{ at: Date }>(`select date_trunc('second', now()) + make_interval(secs => $1) as at`, [
    afterSeconds,
  ]);
  if (!row) throw new Error('the database did not tell its time');
  const hour = row.at.getUTCHours();
  await db.query(
    `insert into schedules (${columns}, cron)
     select ${common}, $3::timestamptz, $3::timestamptz,
            n % 60 || ' ' || ($4::int + case when n % ${expressions} < 60 then 8 else 16 end) % 24 || ' * * *'
       from generate_series(1, $2::int) as n`,
    [defaultTenantId, count, row.at, hour],
  );
  await db.query('analyze schedules');
  return row.at;
}

export interface FiredFigures {
  readonly slots: number;
  /** Different pairs of schedule and task: as many as slots, else one was fired twice. */
  readonly tasks: number;
  readonly beats: number;
  readonly schedules: number;
  /** Seconds. */
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** Lateness of the slots from `from` on and before `to`, and whether each has its task. */
export async function readFired(db: Database, from: Date, to: Date): Promise<FiredFigures> {
  const [row] = await db.query<FiredFigures>(
    `with late as (
       select f.schedule_id, f.task_id, f.fired_by, extract(epoch from f.fired_at - f.slot)::float8 as seconds
         from schedule_slots f where f.slot >= $1 and f.slot < $2)
     select count(*)::int as slots, count(distinct t.id)::int as tasks, count(distinct fired_by)::int as beats,
            count(distinct schedule_id)::int as schedules,
            coalesce(percentile_cont(0.5) within group (order by seconds), 0)::float8 as p50,
            coalesce(percentile_cont(0.99) within group (order by seconds), 0)::float8 as p99,
            coalesce(max(seconds), 0)::float8 as most
       from late left join tasks t on t.id = late.task_id`,
    [from, to],
  );
  if (!row) throw new Error('the database told nothing of what was fired');
  return row;
}

/** Slots that were fired so far, of all. */
export async function countFired(db: Database): Promise<number> {
  const [row] = await db.query<{ n: number }>('select count(*)::int as n from schedule_slots');
  return row?.n ?? 0;
}

export async function countTasks(db: Database): Promise<number> {
  const [row] = await db.query<{ n: number }>(`select count(*)::int as n from tasks where name = 'sample_noop'`);
  return row?.n ?? 0;
}

/** Statements that other sessions than the benchmark's have sent to this database since it was first asked. */
export async function countStatements(db: Database): Promise<number> {
  const [row] = await db.query<{ n: number }>(
    `select coalesce(sum(calls), 0)::int as n from pg_stat_statements
      where dbid = (select oid from pg_database where datname = current_database()) and query not like '%pg_stat_statements%'`,
  );
  return row?.n ?? 0;
}
