/** What is known of one task: its row, and only what a reason for a row in that state can be made of. */
import type { Queryable } from '../../db/index.ts';
import type { QueueName } from '../../queues.ts';
import type { Json } from '../json.ts';
import { isTerminal, type TaskError, type TaskStatus } from '../ledger/rows.ts';
import type { NotDurableRow } from '../not-durable/index.ts';
import type { TaskRegistry } from '../registry.ts';
import type { NamedTask, ParentFacts, TaskFacts, TaskState, TenantLimitFacts } from './facts.ts';
import { readQueueFacts, type WhyDeps } from './read-queue.ts';
import { readJob } from './read-redis.ts';

export interface TaskWhyDeps extends WhyDeps {
  readonly registry: TaskRegistry;
  readonly notDurable: { read(tenantId: string, id: string): Promise<NotDurableRow | undefined> };
}

/** Others that are named in a reason. */
const namedOthers = 3;
/** Tasks that go before one are counted up to this. */
const maxCounted = 1000;

interface StateRow {
  readonly id: string;
  readonly name: string;
  readonly queue: QueueName;
  readonly status: TaskStatus;
  readonly attempts: number;
  readonly isolated: boolean;
  readonly error: TaskError | null;
  readonly progress: Json;
  readonly worker: string | null;
  readonly waiting_for: number;
  readonly dead_letter: boolean;
  readonly due_in: number | null;
  readonly expires_in: number | null;
  readonly queued: number | null;
  readonly finished: number | null;
  readonly lease: number | null;
}

const until = (column: string) => `extract(epoch from ${column} - clock_timestamp())::float8`;
const since = (column: string) => `extract(epoch from clock_timestamp() - ${column})::float8`;
const shared = `id, name, queue, status, attempts, isolated, error, progress, worker`;

/** In one snapshot: a row that ends meanwhile stands in exactly one of the two tables. */
async function readState(db: Queryable, tenantId: string, id: string): Promise<StateRow | undefined> {
  const [row] = await db.query<StateRow>(
    `select ${shared}, waiting_for, false as dead_letter, ${until(`nullif(due_at, 'infinity')`)} as due_in, ${until('expires_at')} as expires_in,
            ${since('queued_at')} as queued, null::float8 as finished, ${until('lease_until')} as lease
       from tasks_live where id = $1 and tenant_id = $2
     union all
     select ${shared}, 0, dead_letter, null, null, null, ${since('finished_at')}, null
       from tasks_finished where id = $1 and tenant_id = $2`,
    [id, tenantId],
  );
  return row;
}

const orUndefined = <T>(value: T | null): T | undefined => value ?? undefined;

/** A task and what decides on it; undefined when the tenant has none of this id. @throws MillraceError `redis_unavailable` */
export async function readTaskFacts(deps: TaskWhyDeps, tenantId: string, id: string): Promise<TaskFacts | undefined> {
  const { db, broker, registry } = deps;
  const row = await readState(db, tenantId, id);
  if (!row) return readNotDurable(deps, tenantId, id);
  const definition = registry.get(row.name);
  const task: TaskState = {
    id: row.id,
    task: row.name,
    queue: row.queue,
    status: row.status,
    durable: true,
    deadLetter: row.dead_letter,
    attempts: row.attempts,
    maxAttempts: definition && definition.retry.retries + 1,
    timeLimitSeconds: definition?.timeLimitSeconds,
    isolated: row.isolated,
    error: row.error,
    progress: row.progress,
    worker: row.worker,
    dueInSeconds: orUndefined(row.due_in),
    expiresInSeconds: orUndefined(row.expires_in),
    queuedSeconds: orUndefined(row.queued),
    finishedSeconds: orUndefined(row.finished),
    leaseSeconds: orUndefined(row.lease),
  };
  const queue = await readQueueFacts(deps, tenantId, row.queue);
  if (isTerminal(row.status)) return { task, queue };
  if (row.status === 'RUNNING') return { task, queue, ...(await readRun(db, row.worker, id)) };
  if (row.waiting_for > 0) return { task, queue, parents: await readParents(db, tenantId, id, row.waiting_for) };
  if (row.status === 'QUEUED') return { task, queue, job: await readJob(broker, row.queue, id) };
  if ((row.due_in ?? 0) > 0) return { task, queue };
  return {
    task,
    queue,
    ...(await readAhead(db, tenantId, row)),
    tenantLimit: row.isolated ? await readTenantLimit(deps, tenantId, row.queue) : undefined,
  };
}

async function readNotDurable(deps: TaskWhyDeps, tenantId: string, id: string): Promise<TaskFacts | undefined> {
  const row = await deps.notDurable.read(tenantId, id);
  if (!row) return undefined;
  const definition = deps.registry.get(row.name);
  const now = Date.now();
  const untilDate = (date: Date | null) => (date === null ? undefined : (date.getTime() - now) / 1000);
  const sinceDate = (date: Date | null) => (date === null ? undefined : (now - date.getTime()) / 1000);
  const task: TaskState = {
    id: row.id,
    task: row.name,
    queue: row.queue,
    status: row.status,
    durable: false,
    deadLetter: false,
    attempts: row.attempts,
    maxAttempts: definition && definition.retry.retries + 1,
    timeLimitSeconds: definition?.timeLimitSeconds,
    isolated: false,
    error: row.error,
    progress: row.progress,
    worker: row.worker,
    dueInSeconds: untilDate(row.due_at),
    expiresInSeconds: untilDate(row.expires_at),
    queuedSeconds: sinceDate(row.accepted_at),
    finishedSeconds: sinceDate(row.finished_at),
    leaseSeconds: undefined,
  };
  const queue = await readQueueFacts(deps, tenantId, row.queue);
  if (row.status === 'RUNNING') return { task, queue, runSeconds: sinceDate(row.started_at) };
  return { task, queue, job: isTerminal(row.status) ? undefined : await readJob(deps.broker, row.queue, id) };
}

async function readRun(
  db: Queryable,
  worker: string | null,
  id: string,
): Promise<Pick<TaskFacts, 'workerSilentSeconds' | 'runSeconds'>> {
  const [beat] = await db.query<{ age: number; seconds: number | null }>(
    `select ${since('seen_at')} as age,
            (select (run ->> 'seconds')::float8 from jsonb_array_elements(running) as run where run ->> 'id' = $2 limit 1) as seconds
       from workers where name = $1 order by seen_at desc limit 1`,
    [worker ?? '', id],
  );
  if (!beat) return {};
  return {
    workerSilentSeconds: beat.age,
    runSeconds: beat.seconds === null ? undefined : beat.seconds + beat.age,
  };
}

async function readParents(db: Queryable, tenantId: string, id: string, count: number): Promise<ParentFacts> {
  const first = await db.query<NamedTask>(
    `select p.id, p.name as task, p.status from task_links l join tasks_live p on p.id = l.parent_id
      where l.child_id = $1 and p.tenant_id = $2 order by l.place limit ${namedOthers}`,
    [id, tenantId],
  );
  // no more than the flow has tasks
  const roots = await db.query<NamedTask>(
    `with recursive up as (
       select l.parent_id as id from task_links l join tasks_live p on p.id = l.parent_id
        where l.child_id = $1 and p.tenant_id = $2
       union
       select l.parent_id from up join task_links l on l.child_id = up.id join tasks_live p on p.id = l.parent_id
        where p.tenant_id = $2)
     select t.id, t.name as task, t.status from up join tasks_live t on t.id = up.id
      where t.waiting_for = 0 order by t.status <> 'RUNNING', t.id limit ${namedOthers}`,
    [id, tenantId],
  );
  return { count, first, roots };
}

async function readTenantLimit({ db, limits }: WhyDeps, tenantId: string, queue: QueueName): Promise<TenantLimitFacts> {
  const rows = await db.query<NamedTask & { held: number }>(
    `select id, name as task, status, count(*) over ()::int as held from tasks_live
      where isolated and status in ('QUEUED', 'RUNNING') and queue = $1 and tenant_id = $2
      order by status <> 'RUNNING', due_at limit ${namedOthers}`,
    [queue, tenantId],
  );
  return {
    limit: limits.isolatedPerTenant,
    held: rows[0]?.held ?? 0,
    holders: rows.map(({ id, task, status }) => ({ id, task, status })),
  };
}

/**
 * Due tasks of the tenant that the relay lets in before this one; of one that binds its tenant, those that do. And how many of his stand in Redis
 * that it would not go before.
 */
async function readAhead(
  db: Queryable,
  tenantId: string,
  row: StateRow,
): Promise<Required<Pick<TaskFacts, 'ahead' | 'standingAhead'>>> {
  const [found] = await db.query<{ ahead: number; standing: number }>(
    `select count(*)::int as ahead,
            (select count(*)::int from tasks_live t, tasks_live this
              where this.id = $3 and this.tenant_id = $2 and t.status = 'QUEUED' and t.queue = $1 and t.tenant_id = $2
                and t.priority >= this.priority) as standing
       from (
       select from tasks_live this
        cross join (values (false), (true)) as kind (isolated)
        cross join lateral generate_series(this.priority::int, 9) as level
        cross join lateral (
          select from tasks_live t
           where t.status in ('PENDING', 'RETRYING') and t.queue = $1 and t.tenant_id = $2 and t.isolated = kind.isolated
             and t.priority = level and t.due_at <= clock_timestamp() and (level > this.priority or t.due_at < this.due_at)
           limit ${maxCounted + 1}) as before
        where this.id = $3 and this.tenant_id = $2 and (kind.isolated or not this.isolated)
        limit ${maxCounted + 1}) as counted`,
    [row.queue, tenantId, row.id],
  );
  const ahead = found?.ahead ?? 0;
  return {
    ahead: { count: Math.min(ahead, maxCounted), capped: ahead > maxCounted },
    standingAhead: found?.standing ?? 0,
  };
}
