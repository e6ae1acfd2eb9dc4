/** Who takes from the queues, by the heartbeats of workers, and which queues have work; and what is wrong with that. */
import type { Queryable } from '../db/index.ts';
import { liveSeconds } from '../heartbeat.ts';
import { type PoolName, poolNames, type QueueName, queueNames, queues, queuesOfPool } from '../queues.ts';
import { type Facts, type Finding, fault, warning } from './report.ts';

export interface ConsumerFacts {
  readonly liveWorkers: number;
  /** Queues that no live worker takes from. */
  readonly untaken: readonly QueueName[];
  /** Queues in which a durable task waits, now or for its time. */
  readonly waiting: readonly QueueName[];
}

/** @throws the driver's error when it cannot be reached, stops answering, or has no schema yet */
export async function readConsumers(db: Queryable): Promise<ConsumerFacts> {
  const workers = await db.query<{ queues: string[] }>(
    'select queues from workers where seen_at > now() - make_interval(secs => $1)',
    [liveSeconds],
  );
  // both by index: a million waiting cost what one does
  const waiting = await db.query<{ queue: QueueName }>(
    `select queue from unnest($1::text[]) as named (queue)
      where exists (select from tasks_live t where t.queue = named.queue and t.status in ('PENDING', 'RETRYING'))
         or exists (select from tasks_live t where t.queue = named.queue and t.status = 'QUEUED')`,
    [queueNames],
  );
  const taken = new Set(workers.flatMap((worker) => worker.queues));
  return {
    liveWorkers: workers.length,
    untaken: queueNames.filter((name) => !taken.has(name)),
    waiting: waiting.map(({ queue }) => queue),
  };
}

/** Queues by name, a pool whole where it is. */
const startThem = (names: readonly QueueName[]): string => {
  const pools = poolNames.filter((pool) => names.some((name) => queues[name].pool === pool));
  return `Start a worker of the ${pools.length === 1 ? 'pool' : 'pools'} ${pools.join(', ')} (MILLRACE_POOL), one whose CELERY_QUEUES names them, or one with neither, which takes from all queues.`;
};

/** Pools of which nobody takes any queue. */
const poolsWithout = (untaken: readonly QueueName[]): PoolName[] =>
  poolNames.filter((pool) => queuesOfPool(pool).every((name) => untaken.includes(name)));

/** A queue that has work and no consumer is a fault; one that has neither is a warning once workers run at all. */
export function judgeConsumers({ liveWorkers, untaken, waiting }: ConsumerFacts): Finding[] {
  const stuck = untaken.filter((name) => waiting.includes(name));
  const idle = untaken.filter((name) => !waiting.includes(name));
  const findings: Finding[] = [];
  if (stuck.length > 0)
    findings.push(
      fault('queues_stuck', `No live worker takes from ${listed(stuck)}, and tasks wait there.`, startThem(stuck)),
    );
  if (liveWorkers > 0 && idle.length > 0)
    findings.push(
      warning(
        'queues_untaken',
        `No live worker takes from ${listed(idle)}: a task that is sent there waits for one.`,
        startThem(idle),
      ),
    );
  return findings;
}

const listed = (names: readonly QueueName[]): string =>
  `the ${names.length === 1 ? 'queue' : 'queues'} ${names.join(', ')}`;

/** In a few words, and for scripts. */
export function consumersTold(facts: ConsumerFacts): { readonly found: string; readonly facts: Facts } {
  const { liveWorkers, untaken, waiting } = facts;
  const workers = `${liveWorkers} live ${liveWorkers === 1 ? 'worker' : 'workers'}`;
  const taken = queueNames.length - untaken.length;
  return {
    found: `${workers} ${liveWorkers === 1 ? 'takes' : 'take'} from ${taken} of ${queueNames.length} queues`,
    facts: {
      live_workers: liveWorkers,
      queues_untaken: untaken,
      pools_untaken: poolsWithout(untaken),
      queues_with_work: waiting,
    },
  };
}
