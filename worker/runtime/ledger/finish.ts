/** Ends of a run. Every write carries its fence and returns whether it was let in. */
import type { Queryable } from '../../db/index.ts';
import type { QueueName } from '../../queues.ts';
import { claimKey, neverStarted } from './claim.ts';
import type { Fence, TaskError, TerminalStatus } from './rows.ts';

const finishedColumns = `id, tenant_id, user_id, name, queue, priority, payload, trace, attempts, deaths, epoch, worker, unique_key,
  accepted_at, due_at, expires_at, started_at, progress, redis_job_id, isolated, flow_id, leads`;

/** Moves rows from `gone` to the finished ones; $status, $result … are SQL. */
const intoFinished = (status: string, result: string, error: string, history: string, deadLetter: string) => `
  insert into tasks_finished (${finishedColumns}, status, result, error, error_history, dead_letter, finished_at)
  select ${finishedColumns}, ${status}, ${result}, ${error}, ${history}, ${deadLetter}, clock_timestamp() from gone`;

const fenced = `id = $1 and epoch = $2 and owner = $3 and status = 'RUNNING'`;
const ofFence = (fence: Fence) => [fence.id, fence.epoch, fence.owner] as const;

/** The good end of a run. */
export interface Completion {
  readonly fence: Fence;
  /** JSON text. */
  readonly result: string;
}

/** COMPLETED; says of each, in their order, whether its fence let it in. */
export async function completeTasks(db: Queryable, completions: readonly Completion[]): Promise<boolean[]> {
  // in order, as every statement that locks several rows
  const sorted = completions.toSorted((a, b) => (a.fence.id < b.fence.id ? -1 : 1));
  const rows = await db.query<{ id: string; epoch: number }>(
    `with ended as (
       select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[]) as ended (id, epoch, owner, result)),
     gone as (
       delete from tasks_live t using ended
        where t.id = any ($1::uuid[]) and t.id = ended.id and t.epoch = ended.epoch and t.owner = ended.owner and t.status = 'RUNNING'
       returning t.*, ended.result as result)
     ${intoFinished(`'COMPLETED'`, 'result::jsonb', 'null', 'error_history', 'false')} returning id, epoch`,
    [
      sorted.map(({ fence }) => fence.id),
      sorted.map(({ fence }) => fence.epoch),
      sorted.map(({ fence }) => fence.owner),
      sorted.map(({ result }) => result),
    ],
  );
  const letIn = new Set(rows.map(claimKey));
  return completions.map(({ fence }) => letIn.has(claimKey(fence)));
}

/** FAILED or TIMED_OUT for good, kept as a dead letter. */
export async function failTask(
  db: Queryable,
  fence: Fence,
  error: TaskError,
  status: Extract<TerminalStatus, 'FAILED' | 'TIMED_OUT'>,
): Promise<boolean> {
  // a passed limit is no end that the run has brought about: as after a cancel its epoch is an old one
  const epoch = status === 'TIMED_OUT' ? 'epoch + 1' : 'epoch';
  const rows = await db.query(
    `with ended as (delete from tasks_live where ${fenced} returning *),
          gone as (select ${finishedColumns.replace(' epoch,', ` ${epoch} as epoch,`)}, error_history from ended)
     ${intoFinished('$5', 'null', '$4::jsonb', `error_history || $4::jsonb`, 'true')} returning id`,
    [...ofFence(fence), JSON.stringify(error), status],
  );
  return rows.length > 0;
}

/** RETRYING: due again after `delayMs`, by the database's clock. */
export async function retryTask(db: Queryable, fence: Fence, error: TaskError, delayMs: number): Promise<boolean> {
  const rows = await db.query(
    `update tasks_live
        set status = 'RETRYING', owner = null, worker = null, lease_until = null, suspect = false,
            due_at = clock_timestamp() + make_interval(secs => $5), error = $4::jsonb, error_history = error_history || $4::jsonb
      where ${fenced} returning id`,
    [...ofFence(fence), JSON.stringify(error), delayMs / 1000],
  );
  return rows.length > 0;
}

/**
 * PENDING again, as if the attempt had not been: a stopping worker gives back what it cannot finish.
 * @param entered false when the handler was not: a first attempt may then still expire
 */
export async function handBack(db: Queryable, fence: Fence, entered = true): Promise<boolean> {
  const rows = await db.query(
    `update tasks_live
        set status = 'PENDING', epoch = epoch + 1, owner = null, worker = null, lease_until = null,
            due_at = clock_timestamp(), attempts = greatest(attempts - 1, 0)${entered ? '' : `, ${neverStarted}`}
      where ${fenced} returning id`,
    [...ofFence(fence)],
  );
  return rows.length > 0;
}

export async function writeProgress(db: Queryable, fence: Fence, progress: string): Promise<boolean> {
  const rows = await db.query(`update tasks_live set progress = $4::jsonb where ${fenced} returning id`, [
    ...ofFence(fence),
    progress,
  ]);
  return rows.length > 0;
}

/**
 * Cancels a waiting or running task of a tenant. A running one is fenced from this moment: its effects are refused, its
 * signal is aborted within a second or so.
 */
export async function cancelTask(db: Queryable, tenantId: string, id: string, reason: string): Promise<boolean> {
  const error = { code: 'cancelled', message: reason, at: new Date().toISOString() };
  const rows = await db.query(
    `with gone as (delete from tasks_live where id = $1 and tenant_id = $2 returning *),
          fenced as (select gone.*, epoch + 1 as next_epoch from gone)
     insert into tasks_finished (${finishedColumns}, status, error, error_history, finished_at)
     select ${finishedColumns.replace(' epoch,', ' next_epoch,')}, 'CANCELLED', $3::jsonb, error_history, clock_timestamp()
       from fenced returning id`,
    [id, tenantId, JSON.stringify(error)],
  );
  return rows.length > 0;
}

export interface ExpiredTask {
  readonly id: string;
  readonly queue: QueueName;
}

/** Ends what was not started in time. A task that has begun an attempt no longer expires. */
export async function expireTasks(db: Queryable, limit: number): Promise<ExpiredTask[]> {
  const error = { code: 'expired', message: 'It was not started before its expiry.' };
  return db.query<ExpiredTask>(
    `with gone as (
       delete from tasks_live where id in (
         select id from tasks_live
          where expires_at <= statement_timestamp() and status <> 'RUNNING' and started_at is null
          order by expires_at limit $1 for update skip locked)
       returning *)
     ${intoFinished(`'EXPIRED'`, 'null', '$2::jsonb', 'error_history', 'false')} returning id, queue`,
    [limit, JSON.stringify(error)],
  );
}
