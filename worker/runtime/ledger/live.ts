/** What live progress asks of the ledger: states without payloads and histories, in few statements however many listen. */
import type { Queryable } from '../../db/index.ts';
import type { TaskRow } from './rows.ts';

const shared = `id, tenant_id, user_id, name, queue, status, priority, null::jsonb as payload, attempts, deaths, epoch, worker, unique_key,
  nullif(due_at, 'infinity') as due_at, expires_at, accepted_at, started_at, progress, error, '[]'::jsonb as error_history,
  redis_job_id, flow_id`;
const live = `${shared}, null::timestamptz as finished_at, null::jsonb as result, false as dead_letter, waiting_for from tasks_live`;
const finished = `${shared}, finished_at, result, dead_letter, 0 as waiting_for from tasks_finished`;

/** How these tasks stand, whoever's: for listeners that were let in by tenant before. */
export async function readStates(db: Queryable, ids: readonly string[]): Promise<TaskRow[]> {
  return db.query<TaskRow>(
    `select ${live} where id = any ($1::uuid[]) union all select ${finished} where id = any ($1::uuid[])`,
    [ids],
  );
}

/** Which of these tasks have left the live rows: the cheap question, by their primary key. */
export async function noLongerLive(db: Queryable, ids: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select asked.id from unnest($1::uuid[]) as asked (id)
      where asked.id <> all (array(select t.id from tasks_live t where t.id = any ($1::uuid[])))`,
    [ids],
  );
  return rows.map((row) => row.id);
}

/** Tasks of flows that were cancelled because one of these has ended; `limit` at most. */
export async function cancelledWith(db: Queryable, ids: readonly string[], limit: number): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select id from tasks_finished
      where flow_id in (select flow_id from tasks_finished where id = any ($1::uuid[]) and flow_id is not null)
        and error ->> 'code' = 'parent_ended' and error ->> 'parent' = any ($2::text[])
      limit $3`,
    [ids, ids, limit],
  );
  return rows.map(({ id }) => id);
}

/** Tasks of a tenant, newest changes last. */
export interface TenantStates {
  readonly rows: readonly TaskRow[];
  /** False: there were more than the limit. */
  readonly complete: boolean;
}

/**
 * What runs or is about to be tried again, and what has ended within `seconds`, of a tenant or of one of its users.
 * @param seconds 0: no ends
 * @param limit of each kind; of more, the newest
 */
export async function tenantStates(
  db: Queryable,
  tenantId: string,
  userId: string | undefined,
  seconds: number,
  limit: number,
): Promise<TenantStates> {
  const mine = 'tenant_id = $1 and ($2::text is null or user_id = $2)';
  const params = [tenantId, userId ?? null] as const;
  const running = await db.query<TaskRow>(
    `select ${live} where status in ('RUNNING', 'RETRYING') and ${mine}
      order by accepted_at desc limit ${limit + 1}`,
    params,
  );
  const ended =
    seconds === 0
      ? []
      : await db.query<TaskRow>(
          `select ${finished} where finished_at > clock_timestamp() - make_interval(secs => $3) and ${mine}
            order by finished_at desc limit ${limit + 1}`,
          [...params, seconds],
        );
  return {
    rows: [...ended.slice(0, limit).reverse(), ...running.slice(0, limit).reverse()],
    complete: running.length <= limit && ended.length <= limit,
  };
}

/** Which tasks have ended within `seconds`, newest first. */
export async function tenantEnds(
  db: Queryable,
  tenantId: string,
  userId: string | undefined,
  seconds: number,
  limit: number,
): Promise<{ id: string; epoch: number }[]> {
  return db.query<{ id: string; epoch: number }>(
    `select id, epoch from tasks_finished
      where finished_at > clock_timestamp() - make_interval(secs => $3) and tenant_id = $1 and ($2::text is null or user_id = $2)
      order by finished_at desc limit $4`,
    [tenantId, userId ?? null, seconds, limit],
  );
}
