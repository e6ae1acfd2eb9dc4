/** Rows of a ledger that has run for days. */
import type { Database } from '../../../worker/db/index.ts';

/** Waiting rows beside the finished ones, of as many tenants as end theirs. */
export const liveRows = 20_000;
export const tenants = 100;
/** A narrow row with its places in the indexes and its share of the effect keys, measured. */
export const bytesPerRow = 260;

const dayMs = 86_400_000;

/** The tenant number `n` of the fill, as SQL. */
export const tenantOf = (n: string) => `('00000000-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
/** The tenant whose statements are looked at. */
export const tenantId = '00000000-0000-7000-8000-000000000007';
/** An id as the ledger makes them: of the millisecond first, so that those of a day stand together. SQL. */
const idAt = (time: string, n: string) =>
  `(lpad(to_hex((extract(epoch from ${time}) * 1000)::bigint), 12, '0') || '7' || substr(md5(${n}::text), 1, 3)
     || '8' || substr(md5(${n}::text), 4, 15))::uuid`;

/** The same rows again, however the last ones stand by now. */
export async function fillLive(db: Database): Promise<void> {
  await db.query('truncate tasks_live');
  await db.query(
    `insert into tasks_live (id, tenant_id, name, queue, priority, payload, status, accepted_at, due_at)
     select gen_random_uuid(), ${tenantOf('(n % $2::int)')}, 'sample_noop', 'fast_tasks', 1 + n % 9, '{}', 'PENDING',
            now() - make_interval(secs => n / 100.0), now() - make_interval(secs => n / 100.0)
       from generate_series(1, $1::int) as n`,
    [liveRows, tenants],
  );
  await vacuum(db, 'tasks_live');
}

export interface Fill {
  readonly rows: number;
  readonly days: number;
  readonly onDay: (day: string) => void;
}

/**
 * The partitions of the days before today, each filled in one statement and indexed when it is full, as many rows in each. The
 * tasks of one name in ten did an effect; one in a thousand failed and left a dead letter.
 */
export async function fillFinished(db: Database, { rows, days, onDay }: Fill): Promise<void> {
  const [now] = await db.query<{ today: string }>(`select (now() at time zone 'utc')::date::text as today`);
  const today = new Date(`${now?.today}T00:00:00Z`).getTime();
  const each = Math.floor(rows / days);
  for (let back = days; back >= 1; back -= 1) {
    const day = new Date(today - back * dayMs).toISOString().slice(0, 10);
    const next = new Date(today - (back - 1) * dayMs).toISOString().slice(0, 10);
    const name = `tasks_finished_${day.replaceAll('-', '')}`;
    onDay(day);
    await db.tx(async (tx) => {
      await tx.script(`create table ${name} (like tasks_finished including defaults including constraints)`);
      await tx.script(
        `insert into ${name} (id, tenant_id, name, queue, status, priority, payload, attempts, deaths, epoch, accepted_at, due_at,
                              started_at, finished_at, result, error, dead_letter)
         select ${idAt('at', 'n')}, ${tenantOf(`(n % ${tenants})`)}, case when n % 10 = 0 then 'sample_fail' else 'sample_noop' end,
                'fast_tasks', case when n % 1000 = 0 then 'FAILED' else 'COMPLETED' end, 5, '{}', 1, 0, 1, at, at,
                at + interval '5 ms', at + interval '20 ms', 'null', null, n % 1000 = 0
           from generate_series(1, ${each}) as n
          cross join lateral (select timestamptz '${day} 00:00:00+00' + n * interval '86390 s' / ${each} as at) as moment`,
      );
      await tx.script(
        `insert into effects (task_id, step, result) select id, 'step', 'null' from ${name} where name = 'sample_fail'`,
      );
      await tx.script(
        `alter table tasks_finished attach partition ${name} for values from ('${day} 00:00:00+00') to ('${next} 00:00:00+00')`,
      );
    });
    await vacuum(db, name);
  }
}

/** As autovacuum leaves a table that nobody changes any more. */
async function vacuum(db: Database, table: string): Promise<void> {
  await db.query(`vacuum (freeze, analyze) ${table}`);
}
