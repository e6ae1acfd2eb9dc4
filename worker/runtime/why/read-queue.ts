/** What is known of a queue, for one tenant: three bounded statements and one question to Redis. */
import type { Queryable } from '../../db/index.ts';
import { liveSeconds } from '../../heartbeat.ts';
import type { QueueName } from '../../queues.ts';
import type { Broker } from '../broker.ts';
import { readBuckets } from '../ledger/rates.ts';
import { isPulled, type WindowLimits, windowSize } from '../ledger/window.ts';
import type { ConsumerFacts, NamedTask, OwnFacts, QueueFacts, RunFacts } from './facts.ts';
import { readRedis } from './read-redis.ts';

export interface WhyDeps {
  readonly db: Queryable;
  readonly broker: Broker;
  readonly limits: WindowLimits;
}

/** Runs that are read of each worker. */
const namedRuns = 3;
/** Waiting tasks are counted up to this. */
const maxCounted = 10_000;

export async function readQueueFacts(
  { db, broker, limits }: WhyDeps,
  tenantId: string,
  queue: QueueName,
): Promise<QueueFacts> {
  const [[state], { consumers, allPull }, rates, redis] = await Promise.all([
    db.query<{ paused: number | null; standing: number; own: number; tenants: number }>(
      `select (select extract(epoch from clock_timestamp() - changed_at)::float8 from queue_states where queue = $1 and paused) as paused,
              count(*)::int as standing, count(*) filter (where tenant_id = $2)::int as own, count(distinct tenant_id)::int as tenants
         from tasks_live where status = 'QUEUED' and queue = $1`,
      [queue, tenantId],
    ),
    readConsumers(db, tenantId, queue),
    readBuckets(db, limits.rates, queue, tenantId),
    readRedis(broker),
  ]);
  const pulled = isPulled(limits, queue, allPull);
  return {
    queue,
    pausedSeconds: state?.paused ?? undefined,
    redis,
    consumers,
    window: {
      size: windowSize(limits, { served: consumers.length > 0, pulled }),
      standing: state?.standing ?? 0,
      own: state?.own ?? 0,
      tenants: state?.tenants ?? 0,
      pulled,
    },
    rates,
  };
}

interface Heartbeat {
  readonly name: string;
  readonly slots: number;
  readonly pulls: boolean;
  readonly running: readonly { readonly id: string; readonly seconds: number }[];
  readonly age: number;
}

interface HeldRow {
  readonly worker: string;
  readonly held: number;
  readonly own: readonly { readonly id: string; readonly task: string; readonly queue: string }[];
}

/** Live workers of a queue, and what their slots do: by the ledger, which is newer than a heartbeat, and by the heartbeat, which has runs without rows. */
async function readConsumers(
  db: Queryable,
  tenantId: string,
  queue: QueueName,
): Promise<{ consumers: ConsumerFacts[]; allPull: boolean }> {
  const beats = await db.query<Heartbeat>(
    `select name, slots, pulls, running, extract(epoch from clock_timestamp() - seen_at)::float8 as age from workers
      where $1 = any (queues) and seen_at > now() - make_interval(secs => $2) order by name, seen_at desc`,
    [queue, liveSeconds],
  );
  if (beats.length === 0) return { consumers: [], allPull: false };
  const rows = await db.query<HeldRow>(
    `select worker, count(*)::int as held,
            coalesce((jsonb_agg(jsonb_build_object('id', id, 'task', name, 'queue', queue) order by started_at)
                        filter (where tenant_id = $2)), '[]'::jsonb) as own
       from tasks_live where lease_until is not null and status = 'RUNNING' and worker = any ($1::text[])
       group by worker`,
    [beats.map(({ name }) => name), tenantId],
  );
  const heldBy = new Map(rows.map((row) => [row.worker, row]));
  const consumers = beats.map(({ name, slots, running, age }) => {
    const held = heldBy.get(name);
    const seconds = new Map(running.map((run) => [run.id, run.seconds + age]));
    const runs = (held?.own ?? [])
      .slice(0, namedRuns)
      .map((run): RunFacts => ({ ...run, seconds: seconds.get(run.id) }));
    return { name, slots, busy: Math.max(running.length, held?.held ?? 0), runs };
  });
  return { consumers, allPull: beats.every(({ pulls }) => pulls) };
}

const waits = `t.status in ('PENDING', 'RETRYING') and t.queue = $1 and t.tenant_id = $2`;
/** The index of waiting rows, asked at its eighteen places: a million rows cost what ten do. */
const places = `(values (false), (true)) as kind (isolated) cross join generate_series(1, 9) as level`;
const atPlace = `${waits} and t.isolated = kind.isolated and t.priority = level`;

/** The tenant's own tasks of a queue. */
export async function readOwn(db: Queryable, tenantId: string, queue: QueueName): Promise<OwnFacts> {
  const [row] = await db.query<{
    running: number;
    queued: number;
    waiting: number;
    next: number | null;
    head: NamedTask | null;
  }>(
    `select (select count(*)::int from tasks_live where status = 'RUNNING' and queue = $1 and tenant_id = $2) as running,
            (select count(*)::int from tasks_live where status = 'QUEUED' and queue = $1 and tenant_id = $2) as queued,
            (select count(*)::int from (select from tasks_live t where ${waits} limit ${maxCounted + 1}) as counted) as waiting,
            (select extract(epoch from nullif(min(first.due_at), 'infinity') - clock_timestamp())::float8 from ${places}
              cross join lateral (select t.due_at from tasks_live t where ${atPlace} order by t.due_at limit 1) as first) as next,
            coalesce(
              (select jsonb_build_object('id', id, 'task', name, 'status', status) from tasks_live
                where status = 'QUEUED' and queue = $1 and tenant_id = $2 order by priority desc, due_at limit 1),
              (select jsonb_build_object('id', first.id, 'task', first.name, 'status', first.status) from ${places}
                cross join lateral (select t.id, t.name, t.status, t.priority, t.due_at from tasks_live t
                  where ${atPlace} and t.due_at <= clock_timestamp() order by t.due_at limit 1) as first
                order by first.priority desc, first.due_at limit 1)) as head`,
    [queue, tenantId],
  );
  const waiting = row?.waiting ?? 0;
  return {
    running: row?.running ?? 0,
    queued: row?.queued ?? 0,
    waiting: { count: Math.min(waiting, maxCounted), capped: waiting > maxCounted },
    nextDueSeconds: row?.next ?? undefined,
    head: row?.head ?? undefined,
  };
}
