/** Finished tasks stand in partitions by day, so that old ones go by dropping a table and not row by row. */
import { type Database, type Queryable, sqlState } from '../../db/index.ts';

/** Days for which a partition is made ahead: a process that is away for some days leaves rows in the default partition only. */
const daysAhead = 3;
const partitionName = /^tasks_finished_(\d{8})$/;

const day = (date: Date) => date.toISOString().slice(0, 10);
const addDays = (date: Date, days: number) => new Date(date.getTime() + days * 86_400_000);

async function today(db: Queryable): Promise<Date> {
  const [row] = await db.query<{ today: string }>(`select (now() at time zone 'utc')::date::text as today`);
  return new Date(`${row?.today}T00:00:00Z`);
}

/** Every end waits while a day is attached or detached, and behind whoever that waits for: it is put off rather than waited for. */
const changeWaitMs = 2000;
/** The lock was not to be had in time. */
const locked = '55P03';

/**
 * Makes the partitions of today and the coming days. Those that the default partition holds rows of are left out, and so is one that somebody
 * stands in the way of, as a backup does: there are days until it is needed, and without it rows go to the default partition.
 */
export async function ensurePartitions(db: Database): Promise<void> {
  const first = await today(db);
  for (let ahead = 0; ahead <= daysAhead; ahead += 1) {
    const from = addDays(first, ahead);
    const name = `tasks_finished_${day(from).replaceAll('-', '')}`;
    const made = db.tx(async (tx) => {
      await tx.script(`set local lock_timeout = ${changeWaitMs}`);
      // one process at a time: two `create table if not exists` at once can collide
      await tx.query(`select pg_advisory_xact_lock(hashtext('millrace_partitions'))`);
      const [blocked] = await tx.query(
        `select 1 where to_regclass($1) is not null
            or exists (select 1 from tasks_finished_default where finished_at >= $2::timestamptz and finished_at < $3::timestamptz)`,
        [name, from, addDays(from, 1)],
      );
      if (blocked) return;
      await tx.script(
        `create table ${name} partition of tasks_finished
           for values from ('${day(from)} 00:00:00+00') to ('${day(addDays(from, 1))} 00:00:00+00')`,
      );
    });
    await made.catch((error: unknown) => {
      if (sqlState(error) !== locked) throw error;
    });
  }
}

/** Rows removed from the default partition in one statement. */
const defaultBatch = 1000;

/** A flow stays whole, with the results that its tasks may ask for, until all of it is old. `since` is SQL. */
const ofYoungFlow = (row: string, since: string) => `${row}.flow_id is not null and (
  exists (select from tasks_live l where l.flow_id = ${row}.flow_id)
  or exists (select from tasks_finished n where n.flow_id = ${row}.flow_id and n.finished_at >= ${since}))`;

/** The lock was not to be had in time; another process was faster. */
const detachLater: ReadonlySet<string | undefined> = new Set([locked, '42P01']);

const firstId = '00000000-0000-0000-0000-000000000000';
/** Flows of a day that are looked at in one statement. */
const flowBatch = 1000;
/** A day with more flows than this that are not old stays until they are: their rows are moved while every end waits. */
const maxYoungFlows = 50_000;

/**
 * Flows with rows in a day that are not old, undefined when they are too many. Asked before the day is taken out, in short statements: it takes longer
 * with every flow there was.
 */
async function youngFlows(db: Queryable, name: string, limit: Date): Promise<string[] | undefined> {
  const young: string[] = [];
  for (let after: string | null = firstId; after !== null; ) {
    const [row]: { last: string | null; young: string[] | null }[] = await db.query(
      `with flows as (select distinct flow_id from ${name} where flow_id > $1 order by flow_id limit ${flowBatch})
       select max(flow_id::text) as last, array_agg(flow_id) filter (where ${ofYoungFlow('flows', '$2')}) as young from flows`,
      [after, limit],
    );
    young.push(...(row?.young ?? []));
    if (young.length > maxYoungFlows) return undefined;
    after = row?.last ?? null;
  }
  return young;
}

/**
 * Takes a day out of the ledger in one moment, but for rows of flows that are not old, or that live again or have lived since that was asked: they go to
 * the default partition. Its table stays until the effect keys of its tasks are gone. False when it is to be tried again later.
 */
async function detachDay(db: Database, name: string, limit: Date): Promise<boolean> {
  try {
    const [clock] = await db.query<{ now: Date }>('select clock_timestamp() as now');
    const young = await youngFlows(db, name, limit);
    if (young === undefined || !clock) return false;
    await db.tx(async (tx) => {
      await tx.script(`set local lock_timeout = ${changeWaitMs}`);
      await tx.script(`alter table tasks_finished detach partition ${name}`);
      // past the parent table, whose trigger takes an insert for an end; a flow with rows of that day was accepted before the limit
      await tx.query(
        `insert into tasks_finished_default select old.* from ${name} old where flow_id = any (array(
           select unnest($1::uuid[])
           union select flow_id from tasks_live where flow_id is not null and accepted_at < $2
           union select flow_id from tasks_finished where flow_id is not null and finished_at >= $3))`,
        [young, limit, clock.now],
      );
    });
    return true;
  } catch (error) {
    if (detachLater.has(sqlState(error))) return false;
    throw error;
  }
}

/** Rows of a detached day whose keys are removed in one statement. */
const keyBatch = 10_000;

/**
 * Removes the effect keys of a detached day, in the order of its ids, and then its table. Those of a new task that got an old id stay.
 * Arrays of ids, so that keys are found by their index: joined, all keys there are were read for each batch. Returns how many tasks
 * went, undefined when it was stopped before.
 */
async function removeDetached(
  db: Database,
  name: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  let removed = 0;
  for (let after: string | null = firstId; after !== null; ) {
    if (signal?.aborted) return undefined;
    const [row]: { last: string | null; gone: number }[] = await db.query(
      `with walked as (select id from ${name} where id > $1 order by id limit ${keyBatch}),
            gone as (select id from walked except select id from tasks_finished_default where flow_id is not null),
            keyed as (select task_id from effects where task_id = any (array(select id from gone))),
            anew as (select id from tasks where id = any (array(select task_id from keyed))),
            keys as (delete from effects where task_id = any (array(select task_id from keyed except select id from anew)))
       select max(id::text) as last, (select count(*) from gone)::int as gone from walked`,
      [after],
    );
    removed += row?.gone ?? 0;
    after = row?.last ?? null;
  }
  await db.tx((tx) => tx.script(`drop table if exists ${name}`));
  return removed;
}

/** Removes flows, with their links, of which no task is left. */
async function removeFlows(db: Database, ttlSeconds: number): Promise<number> {
  const rows = await db.query(
    `with old as (
       select id from flows f where created_at < now() - make_interval(secs => $1)
          and not exists (select from tasks_live l where l.flow_id = f.id)
          and not exists (select from tasks_finished n where n.flow_id = f.id)
        order by created_at limit ${defaultBatch}),
       links as (delete from task_links where flow_id in (select id from old))
     delete from flows where id in (select id from old) returning id`,
    [ttlSeconds],
  );
  return rows.length;
}

/** Tables of days: those that are part of the ledger, and those that were taken out and are not gone yet. */
async function days(db: Queryable): Promise<{ readonly name: string; readonly attached: boolean }[]> {
  const tables = await db.query<{ name: string; attached: boolean }>(
    `select relname as name, relispartition as attached from pg_class
      where relkind = 'r' and relnamespace = (select relnamespace from pg_class where oid = 'tasks_finished'::regclass)
      order by relname`,
  );
  return tables.filter(({ name }) => partitionName.test(name));
}

/**
 * Removes finished tasks older than `ttlSeconds` with their effect keys: whole partitions whose newest row is older, and rows
 * of the default partition in batches. Dead letters go too: they were kept that long. Flows go as a whole, with their links.
 * Many short statements, of which only one a day holds up ends, for a moment. Returns how many days and, of all, how many tasks went.
 * @param signal leaves the rest to a later call
 */
export async function removeFinished(
  db: Database,
  ttlSeconds: number,
  signal?: AbortSignal,
): Promise<{ partitions: number; rows: number }> {
  const limit = addDays(await today(db), -Math.ceil(ttlSeconds / 86_400));
  let partitions = 0;
  let ofDays = 0;
  for (const { name, attached } of await days(db)) {
    const date = partitionName.exec(name)?.[1] ?? '';
    const old = new Date(`${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T00:00:00Z`) < limit;
    const detached = attached ? old && (await detachDay(db, name, limit)) : true;
    const removed = detached ? await removeDetached(db, name, signal) : undefined;
    if (removed === undefined) continue;
    partitions += 1;
    ofDays += removed;
  }
  let ofDefault = 0;
  for (let batch = defaultBatch; batch === defaultBatch && !signal?.aborted; ofDefault += batch)
    batch = await removeOfDefault(db, ttlSeconds);
  while (!signal?.aborted && (await removeFlows(db, ttlSeconds)) === defaultBatch);
  return { partitions, rows: ofDays + ofDefault };
}

/** Rows that stand in no day's partition, with their keys; those of a flow that is not old stay, and dead letters that are being retried. */
async function removeOfDefault(db: Database, ttlSeconds: number): Promise<number> {
  const rows = await db.query(
    `with old as materialized (
            select id, finished_at from tasks_finished_default
                   where finished_at < now() - make_interval(secs => $1)
                     and not (${ofYoungFlow('tasks_finished_default', 'now() - make_interval(secs => $1)')})
                   order by finished_at limit ${defaultBatch} for update skip locked),
          keys as (delete from effects where task_id in (select id from old))
     delete from tasks_finished_default where (id, finished_at) in (select id, finished_at from old) returning id`,
    [ttlSeconds],
  );
  return rows.length;
}
