/** Reading the ledger: tenant in every query. */
import type { Queryable, SqlValue } from '../../db/index.ts';
import { type QueueName, queueNames } from '../../queues.ts';
import type { TaskRow, TaskStatus } from './rows.ts';

const columns = `id, tenant_id, user_id, name, queue, status, priority, payload, attempts, deaths, epoch, worker, unique_key, due_at,
  expires_at, accepted_at, started_at, finished_at, progress, result, error, error_history, redis_job_id, dead_letter,
  flow_id, waiting_for`;

export async function readTask(db: Queryable, tenantId: string, id: string): Promise<TaskRow | undefined> {
  const [row] = await db.query<TaskRow>(`select ${columns} from tasks where id = $1 and tenant_id = $2`, [
    id,
    tenantId,
  ]);
  return row;
}

/** The rows of these ids, whoever's: for listeners that were let in by tenant before. */
export async function readTasks(db: Queryable, ids: readonly string[]): Promise<TaskRow[]> {
  return db.query<TaskRow>(`select ${columns} from tasks where id = any ($1::uuid[])`, [ids]);
}

export interface TaskFilter {
  readonly status?: TaskStatus | undefined;
  readonly queue?: QueueName | undefined;
  readonly name?: string | undefined;
}

/** Where a page ended: newest first, by (accepted_at, id). */
export interface TaskCursor {
  /** Microseconds matter, so this is the database's text, not a Date. */
  readonly acceptedAt: string;
  readonly id: string;
}

export interface TaskPage {
  readonly tasks: readonly TaskRow[];
  readonly next: TaskCursor | undefined;
}

/** One page of a tenant's tasks, newest first. */
export async function listTasks(
  db: Queryable,
  tenantId: string,
  filter: TaskFilter,
  after: TaskCursor | undefined,
  limit: number,
): Promise<TaskPage> {
  const params: SqlValue[] = [tenantId];
  const where = ['tenant_id = $1'];
  const add = (condition: (n: number) => string, ...values: SqlValue[]) => {
    where.push(condition(params.length + 1));
    params.push(...values);
  };
  if (filter.status) add((n) => `status = $${n}`, filter.status);
  // said once more in words that every plan knows: the index of rare ends holds no others
  if (filter.status && filter.status !== 'COMPLETED') where.push(`status <> 'COMPLETED'`);
  if (filter.queue) add((n) => `queue = $${n}`, filter.queue);
  if (filter.name) add((n) => `name = $${n}`, filter.name);
  if (after) add((n) => `(accepted_at, id) < ($${n}::timestamptz, $${n + 1}::uuid)`, after.acceptedAt, after.id);
  const rows = await db.query<TaskRow & { accepted_text: string }>(
    `select ${columns}, accepted_at::text as accepted_text from tasks where ${where.join(' and ')}
      order by accepted_at desc, id desc limit ${limit + 1}`,
    params,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    tasks: page.map(({ accepted_text: _text, ...task }) => task),
    next: rows.length > limit && last ? { acceptedAt: last.accepted_text, id: last.id } : undefined,
  };
}

/** A tenant's tasks whose time has not come: those with an eta or countdown, and those that are tried again; soonest first. */
export async function scheduledTasks(
  db: Queryable,
  tenantId: string,
  queue: QueueName | undefined,
  limit: number,
): Promise<TaskRow[]> {
  // the index of what waits is asked at its places, 18 a queue: a million waiting rows cost what ten do
  return db.query<TaskRow>(
    `with soonest as (
       select next.id from unnest($2::text[]) as wanted (queue) cross join (values (false), (true)) as kind (isolated)
         cross join generate_series(1, 9) as level
         cross join lateral (
           select t.id, t.due_at from tasks_live t
            where t.status in ('PENDING', 'RETRYING') and t.queue = wanted.queue and t.tenant_id = $1 and t.isolated = kind.isolated
              and t.priority = level and t.due_at > statement_timestamp()
            order by t.due_at limit $3) as next
        order by next.due_at, next.id limit $3)
     select ${columns} from tasks where id in (select id from soonest) and status in ('PENDING', 'RETRYING') order by due_at, id`,
    [tenantId, queue === undefined ? queueNames : [queue], limit],
  );
}

/** What stands in Redis for these queues and waits, and for how long the oldest has been due. */
export async function readBacklog(
  db: Queryable,
  queues: readonly string[],
): Promise<{ readonly waiting: number; readonly oldestSeconds: number }> {
  const [row] = await db.query<{ waiting: number; oldestSeconds: number }>(
    `select count(*)::int as waiting,
            coalesce(extract(epoch from clock_timestamp() - min(due_at)), 0)::float8 as "oldestSeconds"
       from tasks_live where status = 'QUEUED' and queue = any ($1::text[])`,
    [queues],
  );
  return row ?? { waiting: 0, oldestSeconds: 0 };
}

export interface QueueDepth {
  readonly queue: string;
  readonly pending: number;
  readonly queued: number;
  readonly running: number;
  readonly retrying: number;
  /** Those of all but the running ones whose time has come: what consumers are behind with. */
  readonly due: number;
  /** Age of the oldest task that is due and waits, seconds. */
  readonly oldestSeconds: number;
}

/** Live tasks by queue and state, over all tenants: operators' figures. */
export async function queueDepths(db: Queryable): Promise<QueueDepth[]> {
  return db.query<QueueDepth>(
    `select queue,
            count(*) filter (where status = 'PENDING')::int as pending,
            count(*) filter (where status = 'QUEUED')::int as queued,
            count(*) filter (where status = 'RUNNING')::int as running,
            count(*) filter (where status = 'RETRYING')::int as retrying,
            count(*) filter (where status <> 'RUNNING' and due_at <= now())::int as due,
            coalesce(extract(epoch from clock_timestamp() - min(due_at) filter (where status <> 'RUNNING' and due_at <= now())), 0)::float8
              as "oldestSeconds"
       from tasks_live group by queue`,
  );
}
