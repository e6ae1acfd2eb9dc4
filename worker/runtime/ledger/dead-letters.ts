/** Dead letters: tasks whose attempts are spent, kept with their error history until someone retries or drops them. */
import type { Queryable, Transaction } from '../../db/index.ts';
import type { QueueName } from '../../queues.ts';
import { reviveFlows } from './flow-revival.ts';
import type { TaskRow } from './rows.ts';

export interface DeadLetterFilter {
  /** Only this one. */
  readonly id?: string | undefined;
  readonly queue?: QueueName | undefined;
  readonly name?: string | undefined;
}

const matching = `dead_letter and tenant_id = $1 and ($2::uuid is null or id = $2) and ($3::text is null or queue = $3)
  and ($4::text is null or name = $4)`;
const paramsOf = (tenantId: string, filter: DeadLetterFilter) =>
  [tenantId, filter.id ?? null, filter.queue ?? null, filter.name ?? null] as const;

/** Newest first. */
export async function listDeadLetters(
  db: Queryable,
  tenantId: string,
  filter: DeadLetterFilter,
  limit: number,
): Promise<TaskRow[]> {
  return db.query<TaskRow>(
    `select id, tenant_id, user_id, name, queue, status, priority, payload, attempts, deaths, epoch, worker, unique_key, due_at,
            expires_at, accepted_at, started_at, finished_at, progress, result, error, error_history, redis_job_id, dead_letter,
            flow_id, 0 as waiting_for
       from tasks_finished where ${matching} order by finished_at desc limit $5`,
    [...paramsOf(tenantId, filter), limit],
  );
}

/**
 * Makes dead letters live again, in the same rows: attempts 0, epoch +1, steps that are done stay done, the unique key is
 * given up (another task may hold it by now). One that died keeps running alone in a child. What their end had cancelled of a flow
 * waits again. Returns their ids.
 */
export async function retryDeadLetters(
  tx: Transaction,
  tenantId: string,
  filter: DeadLetterFilter,
  limit: number,
): Promise<string[]> {
  const rows = await tx.query<{ id: string; flow_id: string | null }>(
    `with back as (
       delete from tasks_finished where (id, finished_at) in (
         select id, finished_at from tasks_finished where ${matching} order by finished_at limit $5 for update skip locked)
       returning *)
     insert into tasks_live (id, tenant_id, user_id, name, queue, status, priority, payload, trace, attempts, deaths, epoch,
                             accepted_at, due_at, error, error_history, redis_job_id, suspect, isolated, flow_id, leads)
     select id, tenant_id, user_id, name, queue, 'PENDING', priority, payload, trace, 0, 0, epoch + 1,
            accepted_at, clock_timestamp(), error, error_history, redis_job_id, deaths > 0, isolated, flow_id, leads
       from back
     returning id, flow_id`,
    [...paramsOf(tenantId, filter), limit],
  );
  const flowIds = new Set(rows.flatMap(({ flow_id: flowId }) => (flowId === null ? [] : [flowId])));
  if (flowIds.size > 0) await reviveFlows(tx, [...flowIds]);
  return rows.map((row) => row.id);
}

/** Takes dead letters off the list; the finished rows stay for as long as any other. Returns how many. */
export async function dropDeadLetters(db: Queryable, tenantId: string, filter: DeadLetterFilter): Promise<number> {
  const rows = await db.query(`update tasks_finished set dead_letter = false where ${matching} returning id`, [
    ...paramsOf(tenantId, filter),
  ]);
  return rows.length;
}
