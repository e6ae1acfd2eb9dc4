/** The ledger alone decides who runs: a job from Redis is only a hint that a row may be due. */
import type { Queryable } from '../../db/index.ts';
import type { QueueName } from '../../queues.ts';
import type { ClaimedTask, Fence } from './rows.ts';

/** How long a claim lasts without renewal, by the database's clock. */
export const leaseSeconds = 30;
/**
 * An answer that took this long was an outage, although nothing failed: storage that hung, or a server that was moved. At its worst a lease that is
 * renewed has some 20 s left, so a shorter one lets none lapse; and who asks every 5 s meets most of a longer one.
 */
export const stallMs = 10_000;

export interface ClaimRow {
  id: string;
  name: string;
  queue: QueueName;
  tenant_id: string;
  user_id: string | null;
  payload: unknown;
  attempts: number;
  deaths: number;
  suspect: boolean;
  leads: boolean;
  epoch: number;
  accepted_at: Date;
  due_at: Date;
}

/** What a claim sets of a waiting row; $1 is the owner, $2 the worker's name. */
export const claimSets = `status = 'RUNNING', epoch = epoch + 1, owner = $1, worker = $2,
            lease_until = clock_timestamp() + interval '${leaseSeconds} seconds',
            started_at = coalesce(started_at, clock_timestamp()),
            attempts = attempts + case when status = 'RUNNING' then 0 else 1 end,
            suspect = suspect or status = 'RUNNING'`;
/** What a claim returns: a `ClaimRow`. */
export const claimColumns =
  'id, name, queue, tenant_id, user_id, payload, attempts, deaths, suspect, leads, epoch, accepted_at, due_at';

/**
 * Claims those of the rows that are due, or whose lease is over, and returns them in the order of `ids`. Undefined stands where somebody
 * else holds a row, or it is not due, has expired or is finished: its job is then acknowledged and dropped. So it is of a row that somebody
 * has locked, as a handler that replaces its task: all claims of the process would wait for that transaction. An id that comes twice is
 * claimed once. A takeover of a lapsed lease counts no attempt.
 * @param takeOver whether leases that are over may be taken over
 */
export async function claimTasks(
  db: Queryable,
  ids: readonly string[],
  owner: string,
  worker: string,
  takeOver = true,
): Promise<(ClaimedTask | undefined)[]> {
  const rows = await db.query<ClaimRow>(
    `update tasks_live set ${claimSets}
      where id = any (array(
        select id from tasks_live
         where id = any ($3::uuid[])
           and (expires_at is null or expires_at > clock_timestamp() or started_at is not null)
           and case when status = 'RUNNING' then $4 and lease_until < clock_timestamp() else due_at <= clock_timestamp() end
           for update skip locked))
      returning ${claimColumns}`,
    [owner, worker, ids, takeOver],
  );
  const claimed = new Map(rows.map((row) => [row.id, claimedTask(row, owner)]));
  return ids.map((id) => {
    const task = claimed.get(id);
    claimed.delete(id);
    return task;
  });
}

export const claimedTask = (row: ClaimRow, owner: string): ClaimedTask => ({
  fence: { id: row.id, epoch: row.epoch, owner },
  name: row.name,
  queue: row.queue,
  tenantId: row.tenant_id,
  userId: row.user_id ?? undefined,
  payload: row.payload,
  attempts: row.attempts,
  deaths: row.deaths,
  suspect: row.suspect || row.deaths > 0,
  leads: row.leads,
  acceptedAt: row.accepted_at,
  dueAt: row.due_at,
});

/** What a renewal found. */
export interface Renewal {
  /** Keys of the claims that still stand. */
  readonly held: Set<string>;
  /** Whether all of those were renewed; rows that others had locked were passed over. */
  readonly complete: boolean;
}

/**
 * Renews the leases of one owner, all in one statement. Rows are named by their ids beside the join, here and wherever several are found: of a
 * table that it takes for empty the planner would join all there was. It waits for no row: one that an effect or the end of its run holds
 * locked would hold up all the others, and two statements that lock the same rows in two orders wait for each other.
 */
export async function renewLeases(db: Queryable, owner: string, fences: readonly Fence[]): Promise<Renewal> {
  const rows = await db.query<{ id: string; epoch: number; renewed: boolean }>(
    `with held as (
       select t.id, t.epoch from tasks_live t join unnest($2::uuid[], $3::bigint[]) as fence (id, epoch)
           on t.id = fence.id and t.epoch = fence.epoch
        where t.id = any ($2::uuid[]) and t.owner = $1 and t.status = 'RUNNING'),
     free as (
       select t.id from tasks_live t join held on t.id = held.id and t.epoch = held.epoch
        where t.id = any ($2::uuid[]) and t.owner = $1 and t.status = 'RUNNING' for update of t skip locked),
     renewed as (
       update tasks_live t set lease_until = clock_timestamp() + interval '${leaseSeconds} seconds'
        where t.id = any (array(select id from free)) returning t.id)
     select held.id, held.epoch, renewed.id is not null as renewed from held left join renewed on renewed.id = held.id`,
    [owner, fences.map((fence) => fence.id), fences.map((fence) => fence.epoch)],
  );
  return { held: new Set(rows.map(claimKey)), complete: rows.every(({ renewed }) => renewed) };
}

/** A claim in words: one process may hold two of one task, of which only the newer stands. */
export const claimKey = ({ id, epoch }: Pick<Fence, 'id' | 'epoch'>): string => `${id}:${epoch}`;

/** Which of these claims still stand: the cheap question between renewals, so that a cancel is heard within a second. */
export async function stillHeld(db: Queryable, owner: string, fences: readonly Fence[]): Promise<Set<string>> {
  const rows = await db.query<{ id: string; epoch: number }>(
    `select t.id, t.epoch from tasks_live t join unnest($2::uuid[], $3::bigint[]) as held (id, epoch)
         on t.id = held.id and t.epoch = held.epoch
      where t.id = any ($2::uuid[]) and t.owner = $1 and t.status = 'RUNNING'`,
    [owner, fences.map((fence) => fence.id), fences.map((fence) => fence.epoch)],
  );
  return new Set(rows.map(claimKey));
}

/** PENDING again and due, under a new epoch, as if the attempt had not been: what is set of a row whose run is given up. */
const putBack = `status = 'PENDING', epoch = epoch + 1, owner = null, worker = null, lease_until = null,
  due_at = clock_timestamp(), attempts = greatest(attempts - 1, 0)`;
/** The same of one that its process may have died of: it runs alone in a child from now on, until it ends cleanly. */
const takenOver = `${putBack}, suspect = true`;

/** Of a row whose handler was not entered in this attempt: a first attempt was never started then, and may still expire. */
export const neverStarted =
  'started_at = case when attempts <= 1 and not suspect and deaths = 0 then null else started_at end';

/** Claims younger than this may have their answer under way. */
const answerSeconds = 3;

/**
 * Puts back what this owner has claimed and knows nothing of: the answer to the claim was lost. Safe even when that answer comes
 * after all: the epoch goes up, and what it would start is refused.
 */
export async function giveBackUnknown(db: Queryable, owner: string, known: readonly Fence[]): Promise<number> {
  const rows = await db.query(
    `update tasks_live t set ${putBack},
            ${neverStarted}
      where t.owner = $1 and t.status = 'RUNNING'
        and t.lease_until < statement_timestamp() + interval '${leaseSeconds - answerSeconds} seconds'
        and not exists (select 1 from unnest($2::uuid[], $3::bigint[]) as known (id, epoch)
                         where known.id = t.id and known.epoch = t.epoch)
      returning id`,
    [owner, known.map((fence) => fence.id), known.map((fence) => fence.epoch)],
  );
  return rows.length;
}

/**
 * Puts back what runs under a lease that is over: its process died or lost the database. The epoch goes up, so that the old
 * run's writes are refused if it comes back; no attempt is counted. It may have been what its process died of, so it runs alone
 * in a child from now on, until it ends cleanly.
 */
export async function takeOverLapsed(db: Queryable, limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `update tasks_live set ${takenOver}
      where id in (select id from tasks_live where status = 'RUNNING' and lease_until < statement_timestamp()
                   order by lease_until limit $1 for update skip locked)
      returning id`,
    [limit],
  );
  return rows.map((row) => row.id);
}

/**
 * Puts back what a process held that is known to be dead, whatever its leases: as `takeOverLapsed` does, at once. Call when
 * nothing that it sent can come through any more.
 */
export async function takeOverOwner(db: Queryable, owner: string): Promise<number> {
  // in order, as every statement that locks several rows
  const rows = await db.query(
    `update tasks_live set ${takenOver}
      where id in (select id from tasks_live where lease_until is not null and status = 'RUNNING' and owner = $1
                   order by id for update)
      returning id`,
    [owner],
  );
  return rows.length;
}

/** Puts back everything that runs, whatever its lease: for the embedded default, which holds the lock on its data folder. */
export async function takeOverAll(db: Queryable): Promise<number> {
  const rows = await db.query(
    `update tasks_live set ${takenOver}
      where lease_until is not null and status = 'RUNNING' returning id`,
  );
  return rows.length;
}
