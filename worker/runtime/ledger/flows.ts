/** Flows in the ledger: accepted as one, read, and cancelled. What moves them on is the trigger of migration 0005. */
import { v7 as uuidv7 } from 'uuid';
import { type Database, type Queryable, sqlState, type Transaction } from '../../db/index.ts';
import type { QueueName } from '../../queues.ts';
import { FlowError } from '../flow.ts';
import type { PlannedTask } from '../flow-plan.ts';
import type { TaskError, TaskStatus } from './rows.ts';

export interface FlowAnswer {
  readonly flowId: string;
  /** In the order of the rows. */
  readonly ids: readonly string[];
  readonly created: boolean;
  /** Ids of rows that stand as QUEUED: the caller is to add their jobs. */
  readonly handed: ReadonlySet<string>;
}

export interface NewFlow {
  readonly tenantId: string;
  /** The caller's own id of the flow. */
  readonly flowId: string | undefined;
  readonly digest: Buffer;
  /** `handed`: the caller hands it to Redis right after the commit. */
  readonly rows: readonly PlannedTask[];
}

const insertTasksSql = `
  insert into tasks_live (id, tenant_id, user_id, name, queue, priority, payload, isolated, expires_at, flow_id, waiting_for, leads,
                          due_at, status, queued_at)
  select r.id, $2, r.user_id, r.name, r.queue, coalesce(r.priority, 5), r.payload, coalesce(r.isolated, false),
         now() + make_interval(secs => r.expires), $3, r.parents, r.leads,
         case when r.parents > 0 then 'infinity' else now() + make_interval(secs => coalesce(r.countdown, 0)) end,
         case when r.handed then 'QUEUED' else 'PENDING' end, case when r.handed then clock_timestamp() end
    from jsonb_to_recordset($1::jsonb) as r (id uuid, user_id text, name text, queue text, priority smallint, payload jsonb,
         isolated boolean, expires float8, countdown float8, parents integer, leads boolean, handed boolean)
  on conflict do nothing
  returning id, status = 'QUEUED' as handed`;

const deadlock = '40P01';

/** Another one was accepted under the same ids meanwhile: what it is says the next try. */
class MetAnother extends Error {}

/** Two that meet need one more try each; more is no coincidence. */
const maxTries = 4;

/**
 * Inserts the whole flow in one transaction, or answers with the same one that was accepted before.
 * @throws FlowError `flow_id_taken`, `task_id_taken`
 */
export async function acceptFlow(db: Database, flow: NewFlow): Promise<FlowAnswer> {
  const flowId = flow.flowId ?? uuidv7();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.tx(async (tx) => (await acceptedBefore(tx, flow, flowId)) ?? insertFlow(tx, flow, flowId));
    } catch (error) {
      const met = error instanceof MetAnother || sqlState(error) === deadlock;
      if (!met || attempt === maxTries) throw error;
    }
  }
}

interface OldFlow {
  id: string;
  same: boolean;
  task_ids: string[];
}

/** Looked for before anything is inserted, so that a flow sent again costs no rollback. */
async function acceptedBefore(tx: Transaction, flow: NewFlow, flowId: string): Promise<FlowAnswer | undefined> {
  const own = flow.rows.filter(({ ownId }) => ownId);
  if (own.length === 0 && flow.flowId === undefined) return undefined;
  // one statement: a task that ends meanwhile stands in exactly one of the two tables
  const taken = await tx.query<{ id: string; flow_id: string | null }>(
    'select id, flow_id from tasks where id = any ($1::uuid[])',
    [own.map(({ id }) => id)],
  );
  const [old] = await tx.query<OldFlow>(
    `select id, task_ids, tenant_id = $2 and digest = $3 as same from flows where id = $1`,
    [taken[0]?.flow_id ?? flowId, flow.tenantId, flow.digest],
  );
  const ofOld = taken.every((row) => row.flow_id === old?.id);
  if (old?.same && ofOld) return { flowId: old.id, ids: old.task_ids, created: false, handed: new Set() };
  if (taken.length > 0) throw taskIdsTaken(own, new Set(taken.map(({ id }) => id)));
  if (!old) return undefined;
  throw new FlowError('flow_id_taken', [{ field: 'flow_id', message: `${flowId} belongs to another flow` }]);
}

const taskIdsTaken = (own: readonly PlannedTask[], taken: ReadonlySet<string>) =>
  new FlowError(
    'task_id_taken',
    own.flatMap(({ id, path }) =>
      taken.has(id)
        ? [
            {
              field: path === '' ? 'options.task_id' : `${path}.options.task_id`,
              message: `${id} belongs to another task`,
            },
          ]
        : [],
    ),
  );

/** @throws MetAnother */
async function insertFlow(tx: Transaction, { tenantId, digest, rows }: NewFlow, flowId: string): Promise<FlowAnswer> {
  const ids = rows.map(({ id }) => id);
  const fresh = await tx.query(
    'insert into flows (id, tenant_id, digest, task_ids) values ($1, $2, $3, $4::uuid[]) on conflict do nothing returning id',
    [flowId, tenantId, digest, ids],
  );
  if (fresh.length === 0) throw new MetAnother();
  const inserted = await tx.query<{ id: string; handed: boolean }>(insertTasksSql, [recordset(rows), tenantId, flowId]);
  if (inserted.length < rows.length) throw new MetAnother();
  const own = rows.flatMap(({ id, ownId }) => (ownId ? [id] : []));
  if (own.length > 0) {
    // accepted and ended since it was looked for
    const ended = await tx.query('select 1 from tasks_finished where id = any ($1::uuid[]) limit 1', [own]);
    if (ended.length > 0) throw new MetAnother();
    // an id may have been of a task that is forgotten, whose keys are not
    await tx.query('delete from effects where task_id = any ($1::uuid[])', [own]);
  }
  await insertLinks(tx, rows, flowId);
  return {
    flowId,
    ids,
    created: true,
    handed: new Set(inserted.flatMap(({ id, handed }) => (handed ? [id] : []))),
  };
}

/** As JSON text; payloads are JSON text already and go in unparsed. */
function recordset(rows: readonly PlannedTask[]): string {
  const texts = rows.map((row) => {
    const columns = JSON.stringify({
      id: row.id,
      user_id: row.userId,
      name: row.name,
      queue: row.queue,
      priority: row.priority,
      isolated: row.isolated,
      expires: row.expiresSeconds,
      countdown: row.countdownSeconds,
      parents: row.parents.length,
      leads: row.leads,
      handed: row.handed ?? false,
    });
    return `${columns.slice(0, -1)},"payload":${row.payload}}`;
  });
  return `[${texts.join(',')}]`;
}

async function insertLinks(tx: Transaction, rows: readonly PlannedTask[], flowId: string): Promise<void> {
  const links = rows.flatMap((row) =>
    row.parents.map((parent, place) => ({
      parent: rows[parent]?.id,
      child: row.id,
      place,
      countdown: row.countdownSeconds,
    })),
  );
  if (links.length === 0) return;
  await tx.query(
    `insert into task_links (parent_id, child_id, flow_id, place, countdown)
     select parent, child, $2, place, countdown
       from jsonb_to_recordset($1::jsonb) as r (parent uuid, child uuid, place integer, countdown float8)`,
    [JSON.stringify(links), flowId],
  );
}

/** A task of a flow, as people see it. */
export interface FlowMember {
  readonly id: string;
  readonly name: string;
  readonly queue: QueueName;
  readonly status: TaskStatus;
  readonly waiting_for: number;
  readonly attempts: number;
  readonly error: TaskError | null;
  readonly started_at: Date | null;
  readonly finished_at: Date | null;
  readonly dead_letter: boolean;
  /** What it waits or waited for, in order. */
  readonly parents: readonly string[];
}

export interface FlowState {
  readonly id: string;
  readonly createdAt: Date;
  /** In the order of the flow. */
  readonly members: readonly FlowMember[];
}

/** A flow with all its tasks; undefined when the tenant has none of this id. */
export async function readFlow(db: Queryable, tenantId: string, id: string): Promise<FlowState | undefined> {
  const [flow] = await db.query<{ created_at: Date }>('select created_at from flows where id = $1 and tenant_id = $2', [
    id,
    tenantId,
  ]);
  if (!flow) return undefined;
  const members = await db.query<FlowMember>(
    `select t.id, t.name, t.queue, t.status, t.waiting_for, t.attempts, t.error, t.started_at, t.finished_at, t.dead_letter,
            coalesce(l.parents, '{}') as parents
       from tasks t
       left join (select child_id, array_agg(parent_id::text order by place) as parents from task_links where flow_id = $1
                   group by child_id) as l on l.child_id = t.id
      where t.flow_id = $1 and t.tenant_id = $2
      order by array_position((select task_ids from flows where id = $1), t.id)`,
    [id, tenantId],
  );
  return { id, createdAt: flow.created_at, members };
}

/** Tasks that end just now may lock the same rows in another order. */
const cancelTries = 5;

/** Cancels all of a flow that has not ended, and returns their ids; undefined when the tenant has no such flow. */
export async function cancelFlow(
  db: Database,
  tenantId: string,
  id: string,
  reason: string,
): Promise<string[] | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.tx((tx) => cancelIn(tx, tenantId, id, reason));
    } catch (error) {
      if (sqlState(error) !== deadlock || attempt === cancelTries) throw error;
    }
  }
}

async function cancelIn(tx: Transaction, tenantId: string, id: string, reason: string): Promise<string[] | undefined> {
  const [flow] = await tx.query('select id from flows where id = $1 and tenant_id = $2 for update', [id, tenantId]);
  if (!flow) return undefined;
  // as ends lock them: what runs first, then what waits for it
  await tx.query('select id from tasks_live where flow_id = $1 order by waiting_for > 0, id for update', [id]);
  const error = { code: 'cancelled', message: reason, at: new Date().toISOString() };
  const rows = await tx.query<{ id: string }>(
    `with gone as (delete from tasks_live where flow_id = $1 returning *)
     insert into tasks_finished (id, tenant_id, user_id, name, queue, priority, payload, trace, attempts, deaths, epoch, worker,
       unique_key, accepted_at, due_at, expires_at, started_at, progress, redis_job_id, isolated, flow_id, leads, status, error,
       error_history, finished_at)
     select id, tenant_id, user_id, name, queue, priority, payload, trace, attempts, deaths, epoch + 1, worker,
       unique_key, accepted_at, due_at, expires_at, started_at, progress, redis_job_id, isolated, flow_id, leads, 'CANCELLED', $2::jsonb,
       error_history, clock_timestamp() from gone
     returning id`,
    [id, JSON.stringify(error)],
  );
  return rows.map((row) => row.id);
}
