/** The queue monitor: tells when more waits in a queue than should, once, and once more when that is over. */
import { z } from 'zod';
import type { Database, Transaction } from '../../db/index.ts';
import { queueNames } from '../../queues.ts';
import { defineTask, liveWorkers, type QueueDepth, queueDepths, type RegisteredTask } from '../../runtime/index.ts';
import type { TaskServices } from '../../services/task-services.ts';

/** What stands in a queue, by the ledger: the same whatever the topology of Redis. */
type Backlog = {
  queue: string;
  waiting: number;
  oldest_seconds: number;
  consumers: number;
};

const waitingIn = ({ pending, queued, retrying }: QueueDepth) => pending + queued + retrying;

async function readBacklogs(db: Database): Promise<Backlog[]> {
  const [depths, workers] = await Promise.all([queueDepths(db), liveWorkers(db)]);
  const depthOf = new Map(depths.map((depth) => [depth.queue, depth]));
  return queueNames.map((queue) => {
    const depth = depthOf.get(queue);
    return {
      queue,
      waiting: depth ? waitingIn(depth) : 0,
      oldest_seconds: Math.round(depth?.oldestSeconds ?? 0),
      consumers: workers.filter((worker) => worker.queues.includes(queue)).length,
    };
  });
}

/** Writes down which queues are over, and returns those that were not before, and those that no longer are. */
async function noteAlerts(tx: Transaction, over: readonly Backlog[]): Promise<{ raised: string[]; ended: string[] }> {
  const known = await tx.query<{ queue: string }>('select queue from queue_alerts for update');
  const before = new Set(known.map(({ queue }) => queue));
  const now = new Set(over.map(({ queue }) => queue));
  await tx.query(
    `insert into queue_alerts (queue, waiting, oldest_seconds, consumers)
     select queue, waiting, oldest_seconds, consumers
       from jsonb_to_recordset($1::jsonb) as r (queue text, waiting bigint, oldest_seconds float8, consumers integer)
     on conflict (queue) do update
        set waiting = excluded.waiting, oldest_seconds = excluded.oldest_seconds, consumers = excluded.consumers, seen_at = now()`,
    [JSON.stringify(over)],
  );
  const ended = [...before].filter((queue) => !now.has(queue));
  await tx.query('delete from queue_alerts where queue = any ($1::text[])', [ended]);
  return { raised: [...now].filter((queue) => !before.has(queue)), ended };
}

export const queueMonitor = ({ db }: TaskServices): RegisteredTask =>
  defineTask({
    name: 'datasets_queue_monitor',
    queue: 'ops_trace',
    description:
      'Looks how much waits in each queue, for how long, and who takes from it; tells of queues over the threshold.',
    timeLimitSeconds: 60,
    payload: z.strictObject({ threshold: z.int().min(1).default(200) }),
    handle: async (ctx, { threshold }) => {
      const backlogs = await readBacklogs(db);
      const over = backlogs.filter(({ waiting }) => waiting >= threshold);
      const alerts = await ctx.effect('alerts', (tx) => noteAlerts(tx, over));
      for (const backlog of backlogs) {
        if (alerts.raised.includes(backlog.queue))
          ctx.log.warn({ ...backlog, threshold }, 'more waits in a queue than its threshold');
        if (alerts.ended.includes(backlog.queue))
          ctx.log.info({ ...backlog, threshold }, 'the queue is below its threshold again');
      }
      return { queues: backlogs.filter(({ waiting }) => waiting > 0), ...alerts };
    },
  });
