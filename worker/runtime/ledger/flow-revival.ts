/** Dead letters of flows that are retried bring back what their end had cancelled. */
import type { Transaction } from '../../db/index.ts';

/**
 * Brings back the tasks of these flows that were cancelled because one before them ended, and that now wait for nothing that has
 * ended for good: after a retry of one of two failed tasks, what waits for both stays cancelled until the other is retried too.
 * Call it after the retried rows live again, in the same transaction.
 */
export async function reviveFlows(tx: Transaction, flowIds: readonly string[]): Promise<void> {
  // two retries of one flow follow each other, so that the second sees what the first brought back
  await tx.query('select id from flows where id = any ($1::uuid[]) order by id for update', [flowIds]);
  // ends that are under way come first, later ones wait: what is counted below stays true until the commit
  await tx.query('select id from tasks_live where flow_id = any ($1::uuid[]) order by waiting_for > 0, id for update', [
    flowIds,
  ]);
  await tx.query(
    `with recursive ended as materialized (
       select id, finished_at, status, error ->> 'code' is not distinct from 'parent_ended' as follows
         from tasks_finished where flow_id = any ($1::uuid[])),
     links as materialized (
       select parent_id, child_id from task_links where flow_id = any ($1::uuid[])),
     lost as (
       select id from ended where status <> 'COMPLETED' and not follows
       union
       select l.parent_id from links l where l.parent_id not in (select id from ended)
          and l.parent_id not in (select id from tasks_live where flow_id = any ($1::uuid[]))
       union
       select l.child_id from lost join links l on l.parent_id = lost.id),
     back as (
       delete from tasks_finished f using ended
        where ended.follows and f.id = ended.id and f.finished_at = ended.finished_at
          and not exists (select from lost where lost.id = f.id)
       returning f.*),
     waits as (
       select l.child_id, count(*)::integer as parents from links l
        where l.parent_id not in (select id from ended where status = 'COMPLETED') group by l.child_id),
     counted as (
       select back.*, coalesce(waits.parents, 0) as parents from back left join waits on waits.child_id = back.id)
     insert into tasks_live (id, tenant_id, user_id, name, queue, status, priority, payload, trace, attempts, deaths, epoch,
                             accepted_at, due_at, error_history, flow_id, leads, waiting_for, isolated)
     select id, tenant_id, user_id, name, queue, 'PENDING', priority, payload, trace, 0, 0, epoch + 1,
            accepted_at, case when parents > 0 then 'infinity' else clock_timestamp() end, error_history, flow_id, leads, parents,
            isolated
       from counted`,
    [flowIds],
  );
}
