/** Millrace with nothing waiting and with much waiting: throughput, pickup, and what Redis holds. */
import { Redis } from 'ioredis';
import { until } from '../../../test/harness/until.ts';
import { queueNames } from '../../../worker/queues.ts';
import type { Ledger } from './ledger.ts';
import type { Millrace } from './millrace.ts';
import { metrics, redisMetric, withWaiting } from './names.ts';
import { coldSeconds, measurePickup } from './round.ts';
import type { Samples } from './samples.ts';
import { ratePerSecond } from './statistics.ts';
import type { Servers } from './subject.ts';

/** Nobody consumes it while pickup is measured: what waits there is not run. */
const elsewhere = 'heavy_tasks';
const windows = 3;
const windowTasks = 5000;
const paceSeconds = 5;
const runTimeoutMs = 120_000;

/** @param perSecond the pace at which pickup was measured with nothing waiting. */
export async function measureBacklog(
  millrace: Millrace,
  servers: Servers,
  ledger: Ledger,
  samples: Samples,
  options: { readonly waiting: number; readonly perSecond: number },
): Promise<void> {
  const { waiting, perSecond } = options;
  const name = withWaiting(millrace.name, waiting);
  await millrace.reset();
  samples.add(withWaiting(millrace.name, 0), redisMetric, 'bytes', await usedMemory(servers));
  await millrace.fill('fast_tasks', waiting);
  await ledger.settled();
  await ledger.rested();
  samples.add(name, redisMetric, 'bytes', await usedMemory(servers));
  {
    const timed = millrace.plan.warmUp + windows * windowTasks;
    await using _worker = await millrace.startWorker();
    await until(`${name}: ${timed} tasks have run`, runTimeoutMs, async () => (await ledger.finished()) >= timed);
  }
  const { endedMs } = await ledger.account();
  for (let window = 0; window < windows; window += 1) {
    const from = millrace.plan.warmUp + window * windowTasks;
    samples.add(name, metrics.drain, 'tasks/s', ratePerSecond(endedMs, from, from + windowTasks));
  }

  // with nothing and with much waiting in turn, on a machine that is not the same from one minute to the next; each time by a worker that has
  // just started
  for (let window = 0; window < windows; window += 1) {
    for (const tasks of [0, waiting]) {
      await millrace.reset();
      if (tasks > 0) await millrace.fill(elsewhere, tasks);
      await ledger.settled();
      await ledger.rested();
      await using worker = await millrace.startWorker(queueNames.filter((queue) => queue !== elsewhere));
      await measurePickup(millrace, worker, perSecond, coldSeconds);
      const { figures } = await measurePickup(millrace, worker, perSecond, paceSeconds);
      for (const { metric, unit, value } of figures)
        samples.add(withWaiting(millrace.name, tasks), metric, unit, value);
    }
  }
}

async function usedMemory(servers: Servers): Promise<number> {
  const redis = new Redis(servers.redisUrl(0));
  try {
    return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  } finally {
    redis.disconnect();
  }
}
