/** Pausing and purging: rows in Postgres first, then applied to Redis, and applied again when Redis has forgotten. */
import type { Database, Queryable } from '../db/index.ts';
import type { QueueName } from '../queues.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Broker } from './broker.ts';
import { publishStates } from './live/accepted.ts';
import type { LiveSink } from './live/publisher.ts';

export async function pausedQueues(db: Queryable): Promise<QueueName[]> {
  const rows = await db.query<{ queue: QueueName }>('select queue from queue_states where paused order by queue');
  return rows.map((row) => row.queue);
}

/** Wishes that change while Redis is told of them are told again; after so many changes the next sweep does. */
const mostTellings = 5;

/**
 * Tells Redis what the ledger wants of each queue that was ever paused, or of one: it may have been away, or wiped. What the ledger wants is read
 * again at the end, since several tell Redis at once: who was slow may have told last what no longer holds.
 */
export async function applyQueueStates(db: Queryable, broker: Broker, only?: QueueName): Promise<void> {
  const told = new Map<QueueName, boolean>();
  for (let telling = 0; telling < mostTellings; telling += 1) {
    const rows = await db.query<{ queue: QueueName; paused: boolean }>(
      'select queue, paused from queue_states where $1::text is null or queue = $1',
      [only ?? null],
    );
    const news = rows.filter(({ queue, paused }) => told.get(queue) !== paused);
    if (news.length === 0) return;
    for (const { queue, paused } of news) {
      await broker.setPaused(queue, paused);
      told.set(queue, paused);
    }
  }
}

export interface QueueControlDeps {
  readonly db: Database;
  readonly broker: Broker;
  readonly log: Logger;
}

/** Pauses or resumes a queue. Redis being away is no error: the ledger keeps the wish and it is applied later. */
export async function setQueuePaused(
  { db, broker, log }: QueueControlDeps,
  queue: QueueName,
  paused: boolean,
): Promise<void> {
  await db.query(
    `insert into queue_states (queue, paused) values ($1, $2)
     on conflict (queue) do update set paused = excluded.paused,
       changed_at = case when queue_states.paused = excluded.paused then queue_states.changed_at else now() end`,
    [queue, paused],
  );
  try {
    await applyQueueStates(db, broker, queue);
  } catch (error) {
    log.warn({ err: error, queue, paused }, 'redis was not told; the reconciler will');
  }
}

export interface PurgeDeps {
  readonly db: Database;
  /** Left out, their jobs stay in Redis until they are fetched. */
  readonly broker?: Broker | undefined;
  /** Told of what is cancelled. */
  readonly live: LiveSink;
  readonly log: Logger;
}

/** Rows cancelled in one statement. */
const purgeBatch = 1000;

/**
 * Cancels what waits in a queue (reason `purged`), of one tenant or of all, and returns how many. Running tasks go on. Jobs that stay in
 * Redis all the same meet finished rows and are dropped.
 */
export async function purgeQueue(
  { db, broker, live, log }: PurgeDeps,
  queue: QueueName,
  tenantId: string | undefined,
): Promise<number> {
  let purged = 0;
  for (;;) {
    const rows = await db.query<{ id: string; queue: QueueName; queued: boolean }>(
      `with gone as (
         delete from tasks_live where id in (
           select id from tasks_live where queue = $1 and status <> 'RUNNING' and ($2::uuid is null or tenant_id = $2)
            limit ${purgeBatch} for update skip locked)
         returning *),
       ended as (
       insert into tasks_finished (id, tenant_id, user_id, name, queue, priority, payload, trace, attempts, deaths, epoch, worker,
         unique_key, accepted_at, due_at, expires_at, started_at, progress, redis_job_id, isolated, flow_id, leads, status, error, error_history,
         finished_at)
       select id, tenant_id, user_id, name, queue, priority, payload, trace, attempts, deaths, epoch + 1, worker, unique_key,
         accepted_at, due_at, expires_at, started_at, progress, redis_job_id, isolated, flow_id, leads, 'CANCELLED',
         '{"code": "purged", "message": "The queue was purged."}'::jsonb, error_history, clock_timestamp() from gone)
       select id, queue, status = 'QUEUED' as queued from gone`,
      [queue, tenantId ?? null],
    );
    purged += rows.length;
    await broker?.drop(rows.filter(({ queued }) => queued));
    await publishStates(
      { live, db, log },
      rows.map(({ id }) => id),
    );
    if (rows.length < purgeBatch) return purged;
  }
}
