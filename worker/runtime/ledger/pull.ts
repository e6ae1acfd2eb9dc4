/** Tasks of the backlog, claimed straight from the ledger: no job of theirs ever stands in Redis. */
import type { Queryable } from '../../db/index.ts';
import type { QueueName } from '../../queues.ts';
import { type ClaimRow, claimColumns, claimedTask, claimSets } from './claim.ts';
import type { ClaimedTask } from './rows.ts';
import { mayRun, waits } from './window.ts';

export interface PullRequest {
  readonly queue: QueueName;
  /** In the order of their turns. */
  readonly tenants: readonly string[];
  /** Most tasks of a tenant at each level of priority. */
  readonly share: number;
  /** Most tasks. */
  readonly most: number;
  /** Of the claims. */
  readonly owner: string;
  /** Name of this process, for people. */
  readonly worker: string;
}

/**
 * Claims due rows that are not in Redis: high priorities first, at each level tenant by tenant, and of each those that have been due for
 * longest. Rows that somebody else has in hand are passed over; those that bind their tenant are the relay's, which counts them. None of
 * a paused queue.
 */
export async function pullTasks(
  db: Queryable,
  { queue, tenants, share, most, owner, worker }: PullRequest,
): Promise<ClaimedTask[]> {
  // What is asked is put in order first and answered as far as the limit goes: no row is locked that is not taken. That it waits is known of a
  // row that was locked here; asked again above, the planner may read the whole index of what waits for it.
  const rows = await db.query<ClaimRow>(
    `update tasks_live t set ${claimSets}
      where t.id = any (array(
        select row.id from (
            select turn.tenant_id, level from unnest($4::uuid[]) with ordinality as turn (tenant_id, place)
             cross join generate_series(1, 9) as level order by level desc, turn.place) as asked
         cross join lateral (
            select t.id from tasks_live t
             where ${waits} and t.queue = $3 and t.tenant_id = asked.tenant_id and not t.isolated and t.priority = asked.level
               and ${mayRun} order by t.due_at limit $5 for update skip locked) as row
         where not exists (select from queue_states where queue = $3 and paused)
         limit $6))
      returning ${claimColumns}`,
    [owner, worker, queue, tenants, share, most],
  );
  return rows.map((row) => claimedTask(row, owner));
}
