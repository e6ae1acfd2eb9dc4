/** Taking tasks into the ledger. Once the insert commits, the task is accepted: it will run, whatever happens to Redis. */
import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../../db/index.ts';
import { MillraceError } from '../../errors.ts';
import type { QueueName } from '../../queues.ts';
import { cancelTask } from './finish.ts';

/**
 * What happens when a task with the same `unique_key` is alive: it is the answer, the new one is refused, or the old one is
 * cancelled, running or not, and the new one takes its place.
 */
export const uniquePolicies = ['return', 'reject', 'replace'] as const;
export type UniquePolicy = (typeof uniquePolicies)[number];

export interface NewTask {
  readonly name: string;
  readonly queue: QueueName;
  readonly tenantId: string;
  /** JSON text, checked against the task's schema. */
  readonly payload: string;
  readonly userId?: string | undefined;
  /** The caller's own id. The same id with the same payload gets the old answer, with another payload `task_id_taken`. */
  readonly id?: string | undefined;
  /** The id was made for this very call: no row can have it. Spares the look-ups that an id of unknown past needs. */
  readonly idIsNew?: boolean | undefined;
  /** 1 to 9, 9 first; 5 unless told otherwise. */
  readonly priority?: number | undefined;
  /** Seconds from now, by the database's clock. */
  readonly countdownSeconds?: number | undefined;
  readonly eta?: Date | undefined;
  /** Seconds from now after which the task must not start. */
  readonly expiresSeconds?: number | undefined;
  /** At most one live task a tenant and key. */
  readonly uniqueKey?: string | undefined;
  readonly uniquePolicy?: UniquePolicy | undefined;
  readonly redisJobId?: string | undefined;
  /** The task binds each tenant to so many at once. */
  readonly isolated?: boolean | undefined;
  /** The caller hands it to Redis right after the commit, if it is due: the row starts as QUEUED. */
  readonly handed?: boolean | undefined;
}

export interface Accepted {
  readonly id: string;
  readonly status: string;
  /** True when this call made the row; false when it was there before. */
  readonly created: boolean;
  /** True when the row stands as QUEUED and the caller is to add its job. */
  readonly handed: boolean;
  /** Tasks that were cancelled because this one has their unique key. */
  readonly replaced?: readonly string[] | undefined;
}

const insertSql = `
  insert into tasks_live (id, tenant_id, user_id, name, queue, priority, payload, unique_key, due_at, expires_at,
                          redis_job_id, isolated, status, queued_at)
  select r.id, r.tenant_id, r.user_id, r.name, r.queue, coalesce(r.priority, 5), r.payload, r.unique_key,
         coalesce(r.eta, now() + make_interval(secs => coalesce(r.countdown, 0))),
         now() + make_interval(secs => r.expires), r.redis_job_id, coalesce(r.isolated, false),
         case when r.handed and due.now then 'QUEUED' else 'PENDING' end,
         case when r.handed and due.now then clock_timestamp() end
    from jsonb_to_recordset($1::jsonb) as r (id uuid, tenant_id uuid, user_id text, name text, queue text, priority smallint,
         payload jsonb, unique_key text, eta timestamptz, countdown float8, expires float8, redis_job_id text,
         isolated boolean, handed boolean)
   cross join lateral (select coalesce(r.eta, now()) <= now() and coalesce(r.countdown, 0) <= 0 as now) as due
  on conflict do nothing
  returning id, status = 'QUEUED' as handed`;

interface Inserted {
  id: string;
  handed: boolean;
}

/**
 * Inserts all tasks or none. Pass a transaction when any of them has an id of its own or a unique key (see
 * `needsTransaction`), so that a conflict undoes the whole batch.
 * @throws MillraceError `task_id_taken`, `unique_key_taken`
 */
export async function acceptTasks(db: Queryable, tasks: readonly NewTask[]): Promise<Accepted[]> {
  const ids = tasks.map((task) => task.id ?? uuidv7());
  const inserted = await db.query<Inserted>(insertSql, [recordset(tasks, ids)]);
  const rows = new Map(inserted.map((row) => [row.id, row]));
  for (const id of await undoFinished(db, tasks, rows)) rows.delete(id);
  const standing = await standingRows(
    db,
    tasks.filter(hasOwnId).filter(({ id }) => !rows.has(id)),
  );
  const accepted: Accepted[] = [];
  for (const [index, task] of tasks.entries()) {
    const id = ids[index] ?? '';
    const row = rows.get(id);
    // A batch may name one id twice; the second meets the row of the first.
    rows.delete(id);
    if (row) accepted.push({ id, status: 'PENDING', created: true, handed: row.handed });
    else accepted.push(oldAnswer(standing.get(task), id) ?? (await existing(db, task, id)));
  }
  return accepted;
}

/** Whether accepting these may meet a row that is there already. */
export const needsTransaction = (tasks: readonly NewTask[]): boolean =>
  tasks.some((task) => hasOwnId(task) || task.uniqueKey !== undefined);

type OwnTask = NewTask & { readonly id: string };
const hasOwnId = (task: NewTask): task is OwnTask => task.id !== undefined && !task.idIsNew;

/**
 * An id may belong to a task that has finished and so left tasks_live: its new row is taken back. Looked up after the insert,
 * in a newer snapshot: whoever finishes a task deletes and inserts in one commit, so one of the two always meets it. A new row that
 * stays is of a new task, also where its id had one whose day has left the ledger: the effect keys of that one are not its own.
 */
async function undoFinished(
  db: Queryable,
  tasks: readonly NewTask[],
  rows: ReadonlyMap<string, Inserted>,
): Promise<string[]> {
  const own = tasks.flatMap((task) => (hasOwnId(task) && rows.has(task.id) ? [task.id] : []));
  if (own.length === 0) return [];
  const undone = await db.query<{ id: string }>(
    `with ended as (select id from tasks_finished where id = any ($1::uuid[])),
          keys as (delete from effects where task_id = any ($1::uuid[]) and task_id not in (select id from ended))
     delete from tasks_live where id = any ($1::uuid[]) and id in (select id from ended) returning id`,
    [own],
  );
  return undone.map((row) => row.id);
}

/** The rows as one JSON array. Payloads are JSON text already and go in unparsed. */
function recordset(tasks: readonly NewTask[], ids: readonly string[]): string {
  const rows = tasks.map((task, index) => {
    const columns = JSON.stringify({
      id: ids[index],
      tenant_id: task.tenantId,
      user_id: task.userId,
      name: task.name,
      queue: task.queue,
      priority: task.priority,
      unique_key: task.uniqueKey,
      eta: task.eta,
      countdown: task.countdownSeconds,
      expires: task.expiresSeconds,
      redis_job_id: task.redisJobId,
      isolated: task.isolated,
      handed: task.handed,
    });
    return `${columns.slice(0, -1)},"payload":${task.payload}}`;
  });
  return `[${rows.join(',')}]`;
}

interface Standing {
  readonly status: string;
  /** Of the same tenant and name, with the same payload. */
  readonly same: boolean;
}
/**
 * The rows that stood in the way of these, by the task as it was given. They are looked up after the insert failed, in a statement of its
 * own: a task that finished in between has left tasks_live and committed to tasks_finished, which this newer snapshot sees.
 */
async function standingRows(db: Queryable, tasks: readonly OwnTask[]): Promise<Map<NewTask, Standing>> {
  if (tasks.length === 0) return new Map();
  const asked = tasks.map(({ id, tenantId, name, payload }, place) => {
    const columns = JSON.stringify({ place, id, tenant_id: tenantId, name });
    return `${columns.slice(0, -1)},"payload":${payload}}`;
  });
  const found = await db.query<Standing & { place: number }>(
    // the limit keeps it to a look by id for each: joined, all days may be read
    `select r.place, t.status, t.payload = r.payload and t.name = r.name and t.tenant_id = r.tenant_id as same
       from jsonb_to_recordset($1::jsonb) as r (place int, id uuid, tenant_id uuid, name text, payload jsonb)
      cross join lateral (select status, payload, name, tenant_id from tasks where id = r.id limit 1) as t`,
    [`[${asked.join(',')}]`],
  );
  return new Map(
    found.flatMap((row) => {
      const task = tasks[row.place];
      return task ? [[task, row] as const] : [];
    }),
  );
}

/** @throws MillraceError `task_id_taken` */
function oldAnswer(row: Standing | undefined, id: string): Accepted | undefined {
  if (row === undefined) return undefined;
  if (row.same) return { id, status: row.status, created: false, handed: false };
  throw new MillraceError({
    code: 'task_id_taken',
    message: `The task id ${id} belongs to another task.`,
    hint: 'Send the same payload to get the old answer, or choose another id.',
  });
}

/** What stood in the way of one task: its own row, which may be of this very batch, or else the holder of its key. */
async function existing(db: Queryable, task: NewTask, id: string): Promise<Accepted> {
  const row = hasOwnId(task) ? (await standingRows(db, [task])).get(task) : undefined;
  return oldAnswer(row, id) ?? ofUniqueKey(db, task, id);
}

/** Contenders for a key that replace each other: each round one of them gets it, so this many may send at once. */
const replaceRounds = 20;

async function ofUniqueKey(db: Queryable, task: NewTask, id: string): Promise<Accepted> {
  const policy = task.uniquePolicy ?? 'return';
  const replaced: string[] = [];
  for (let round = 0; round < replaceRounds; round += 1) {
    const [holder] = await db.query<{ id: string; status: string }>(
      'select id, status from tasks_live where tenant_id = $1 and unique_key = $2',
      [task.tenantId, task.uniqueKey ?? null],
    );
    if (holder && policy === 'return') return { ...holder, created: false, handed: false };
    if (holder && policy === 'reject') {
      throw new MillraceError({
        code: 'unique_key_taken',
        message: `A task with the unique key "${task.uniqueKey}" is alive: ${holder.id}.`,
        hint: 'Wait until it is done, or cancel it.',
      });
    }
    const reason = `Replaced by ${id}, which has the same unique key.`;
    if (holder && (await cancelTask(db, task.tenantId, holder.id, reason))) replaced.push(holder.id);
    // the key is free again, unless somebody else has taken it within this moment
    const [row] = await db.query<Inserted>(insertSql, [recordset([task], [id])]);
    if (!row) continue;
    const undone = await undoFinished(db, [task], new Map([[row.id, row]]));
    if (undone.length === 0) return { id, status: 'PENDING', created: true, handed: row.handed, replaced };
    // accepted and ended since it was looked for
    return { ...(await existing(db, task, id)), replaced };
  }
  throw new MillraceError({
    code: 'unique_key_taken',
    message: `The unique key "${task.uniqueKey}" changed hands ${replaceRounds} times while this task was sent.`,
    hint: 'Send it again.',
  });
}
