/** The queue monitor: tells when more waits in a queue than should, once, and once more when that is over. */
import { z } from 'zod';
import { queueNames } from '../../queues.ts';
import { defineTask, liveWorkers, queueDepths, type RegisteredTask } from '../../runtime/index.ts';
import { type Backlog, noteQueueAlerts } from '../../services/queue-alerts.ts';
import type { TaskServices } from '../../services/task-services.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** What waits in each queue and is due: by the ledger, and by Redis what stands there alone. */
async function readBacklogs({ db, countNotDurable }: TaskServices, log: Logger): Promise<Backlog[]> {
  const depths = new Map((await queueDepths(db)).map((depth) => [depth.queue, depth]));
  const workers = await liveWorkers(db);
  const queued = new Map([...depths.values()].map((depth) => [depth.queue, depth.queued]));
  const others = await countNotDurable(queued);
  if (!others) log.info('this process is not told of redis: queues are judged without tasks that are not durable');
  return queueNames.map((queue) => {
    const { due = 0, oldestSeconds = 0 } = depths.get(queue) ?? {};
    return {
      queue,
      waiting: due + (others?.get(queue) ?? 0),
      oldestSeconds: Math.round(oldestSeconds),
      consumers: workers.filter((worker) => worker.queues.includes(queue)).length,
    };
  });
}

export const queueMonitor = (services: TaskServices): RegisteredTask =>
  defineTask({
    name: 'datasets_queue_monitor',
    queue: 'ops_trace',
    description:
      'Looks how much waits in each queue, how long, and who takes from it; tells of queues over a threshold.',
    timeLimitSeconds: 60,
    payload: z.strictObject({ threshold: z.int().min(1).default(200) }),
    handle: async (ctx, { threshold }) => {
      const backlogs = await readBacklogs(services, ctx.log);
      const over = backlogs.filter(({ waiting }) => waiting >= threshold);
      const { raised, ended } = await ctx.effect('alerts', async (tx) => ({ ...(await noteQueueAlerts(tx, over)) }));
      for (const { queue, waiting, oldestSeconds: oldest_seconds, consumers } of backlogs) {
        const facts = { queue, waiting, oldest_seconds, consumers, threshold };
        if (raised.includes(queue)) ctx.log.warn(facts, 'more waits in a queue than its threshold');
        if (ended.includes(queue)) ctx.log.info(facts, 'the queue is below its threshold again');
      }
      return {
        queues: backlogs.filter(({ waiting }) => waiting > 0).map((backlog) => ({ ...backlog })),
        raised,
        ended,
      };
    },
  });
