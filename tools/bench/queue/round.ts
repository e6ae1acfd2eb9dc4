/** One round of one subject. */
import { until } from '../../../test/harness/until.ts';
import { treeBytes } from '../memory.ts';
import { callers, metrics } from './names.ts';
import type { Samples } from './samples.ts';
import { mean, quantile, ratePerSecond } from './statistics.ts';
import type { Account, Subject, SubjectWorker } from './subject.ts';

const batchCallers = 4;
const runTimeoutMs = 120_000;
const paceSeconds = 8;
/** Before them, not counted: what a paced task goes through is not what a burst does, and is cold in every subject. */
export const coldSeconds = 4;
/** Capacity is what a round did while tasks were sent: producer, servers and worker share the machine then as they do at a pace. */
const shareOfCapacity = 0.5;

export async function measureRound(subject: Subject, samples: Samples): Promise<void> {
  const add = (metric: string, unit: string, value: number) => samples.add(subject.name, metric, unit, value);
  await subject.reset();
  const waiting = await measureEnqueue(subject, add);
  await using worker = await subject.startWorker();
  add(metrics.rss, 'bytes', treeBytes(worker.pid) ?? Number.NaN);
  const drained = await finished(worker, waiting, subject.name);
  add(metrics.drain, 'tasks/s', ratePerSecond(drained.endedMs, subject.plan.warmUp));

  await worker.forget();
  const { mixed } = subject.plan;
  const { startedMs } = await subject.enqueue({ count: mixed, callers, batch: 1 });
  const both = await finished(worker, mixed, subject.name);
  const capacity = (mixed / ((both.endedMs.at(-1) ?? Number.NaN) - startedMs)) * 1000;
  add(metrics.mixed, 'tasks/s', capacity);

  const pace = capacity * shareOfCapacity;
  const cold = await measurePickup(subject, worker, pace, coldSeconds);
  const paced = await measurePickup(subject, worker, pace, paceSeconds);
  for (const { metric, unit, value } of paced.figures) add(metric, unit, value);
  add(metrics.tasks, 'tasks', waiting + mixed + cold.account.distinct + paced.account.distinct);
  add(
    metrics.delivered,
    'tasks',
    drained.delivered + both.delivered + cold.account.delivered + paced.account.delivered,
  );
}

/** Sends by every way of the plan; what was sent is left to wait. */
async function measureEnqueue(
  subject: Subject,
  add: (metric: string, unit: string, value: number) => void,
): Promise<number> {
  const { serial, callers: fromCallers, batches } = subject.plan;
  const ways = [
    { metric: metrics.serial, count: serial, callers: 1, batch: 1 },
    { metric: metrics.callers, count: fromCallers, callers, batch: 1 },
    ...batches.map(({ size, count }) => ({ metric: metrics.batch(size), count, callers: batchCallers, batch: size })),
  ];
  let sum = 0;
  for (const { metric, ...request } of ways) {
    const { accepted, seconds } = await subject.enqueue(request);
    add(metric, 'tasks/s', accepted / seconds);
    sum += accepted;
    await subject.settled();
  }
  return sum;
}

/** @throws Error when tasks were lost: a figure of such a run means nothing. */
async function finished(worker: SubjectWorker, tasks: number, name: string): Promise<Account> {
  await until(`${name} has run ${tasks} tasks`, runTimeoutMs, () => worker.done(tasks));
  const account = await worker.account();
  if (account.distinct !== tasks) {
    throw new Error(`${name}: of ${tasks} tasks ${account.distinct} ran, in ${account.delivered} deliveries`);
  }
  return account;
}

export interface PickupFigures {
  readonly figures: readonly { readonly metric: string; readonly unit: string; readonly value: number }[];
  readonly account: Account;
}

/** Sends at a pace to a worker with nothing else to do. */
export async function measurePickup(
  subject: Subject,
  worker: SubjectWorker,
  perSecond: number,
  seconds: number,
): Promise<PickupFigures> {
  await worker.forget();
  const sent = await subject.pace({ perSecond, seconds });
  const account = await finished(worker, sent.accepted, subject.name);
  const pickups = await worker.pickups(sent);
  return {
    account,
    figures: [
      { metric: metrics.pace, unit: 'tasks/s', value: sent.accepted / sent.seconds },
      ...pickups.flatMap(({ measure, ms }) => [
        { metric: metrics.mean(measure), unit: 'ms', value: mean(ms) },
        { metric: metrics.p50(measure), unit: 'ms', value: quantile(ms, 0.5) },
        { metric: metrics.p99(measure), unit: 'ms', value: quantile(ms, 0.99) },
      ]),
    ],
  };
}
