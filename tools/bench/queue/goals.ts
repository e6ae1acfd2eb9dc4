/** What Millrace is held to against the peers of the same run, and on its own. */
import { figure } from '../report.ts';
import { byStamps, fromCommit, httpMetrics, idleMetric, metrics, redisMetric, subjects, withWaiting } from './names.ts';
import type { Samples } from './samples.ts';

export interface Goal {
  readonly name: string;
  readonly figure: string;
  /** Undefined: a figure is missing. */
  readonly met: boolean | undefined;
}

const idleBytes = 150e6;
/** Above what a queue's window in Redis takes, far below what 100,000 jobs would. */
const flatBytes = 16e6;
const waitingFactor = 1.25;

export function goalsOf(samples: Samples, waiting: readonly number[]): Goal[] {
  const of = (subject: string, metric: string) => samples.median(subject, metric);
  const best = (...values: readonly number[]) =>
    values.reduce((most, value) => (value > most || Number.isNaN(most) ? value : most), Number.NaN);
  const celery = (metric: string) => best(of(subjects.prefork, metric), of(subjects.gevent, metric));
  const celerySends = best(celery(metrics.serial), celery(metrics.callers), celery(metrics.batch(100)));
  const atLeast = (name: string, value: number, goal: number, unit: string): Goal => ({
    name: `${name}: at least ${goal.toLocaleString('en')}${unit}`,
    figure: `${figure(value)}${unit}`,
    met: Number.isFinite(value) ? value >= goal : undefined,
  });
  const atMost = (name: string, value: number, goal: number, unit: string): Goal => ({
    name: `${name}: at most ${goal.toLocaleString('en')}${unit}`,
    figure: `${figure(value)}${unit}`,
    met: Number.isFinite(value) ? value <= goal : undefined,
  });
  const rates = (subject: string, ofBullmq: number, ofCelery: number): Goal[] =>
    [metrics.drain, metrics.mixed].flatMap((metric) => [
      atLeast(
        `${subject}, ${metric}, against ${subjects.bullmq}`,
        of(subject, metric) / of(subjects.bullmq, metric),
        ofBullmq,
        'x',
      ),
      atLeast(
        `${subject}, ${metric}, against Celery's better pool`,
        of(subject, metric) / celery(metric),
        ofCelery,
        'x',
      ),
    ]);
  const durable = (metric: string) => of(subjects.durable, metric);
  const sendsInBatches = best(...durableBatches.map((size) => durable(metrics.batch(size))));
  const pickup = (subject: string, p: (measure: string) => string, measure: string) => of(subject, p(measure));
  const notDurablePickup = (p: (measure: string) => string) =>
    pickup(subjects.notDurable, p, byStamps) / pickup(subjects.bullmq, p, byStamps);
  return [
    ...rates(subjects.notDurable, 0.8, 12),
    ...rates(subjects.durable, 0.6, 8),
    atLeast(`durable, ${metrics.callers}, against Celery at its best`, durable(metrics.callers) / celerySends, 3, 'x'),
    atLeast('durable, enqueue in batches, against Celery at its best', sendsInBatches / celerySends, 10, 'x'),
    atLeast(httpMetrics.single, durable(httpMetrics.single), 2500, ' tasks/s'),
    atLeast(httpMetrics.batch, durable(httpMetrics.batch), 12_000, ' tasks/s'),
    atMost('durable, pickup p50', pickup(subjects.durable, metrics.p50, fromCommit), 4, ' ms'),
    atMost('durable, pickup p99', pickup(subjects.durable, metrics.p99, fromCommit), 20, ' ms'),
    atMost(`not durable, pickup mean against ${subjects.bullmq}`, notDurablePickup(metrics.mean), 1.5, 'x'),
    atMost(`not durable, pickup p99 against ${subjects.bullmq}`, notDurablePickup(metrics.p99), 1.5, 'x'),
    ...waiting.flatMap((tasks) => goalsWithWaiting(samples, tasks, atMost)),
    atMost('idle worker, resident', durable(idleMetric) / 1e6, idleBytes / 1e6, ' MB'),
  ];
}

const durableBatches = [100, 1000];

function goalsWithWaiting(
  samples: Samples,
  tasks: number,
  atMost: (name: string, value: number, goal: number, unit: string) => Goal,
): Goal[] {
  const name = withWaiting(subjects.durable, tasks);
  const none = withWaiting(subjects.durable, 0);
  const ratio = (metric: string, beside: string) => samples.median(name, metric) / samples.median(beside, metric);
  const memory = samples.median(name, redisMetric) - samples.median(none, redisMetric);
  return [
    atMost(
      `${name}, tasks/s, slower than with none by`,
      1 / ratio(metrics.drain, subjects.durable),
      waitingFactor,
      'x',
    ),
    atMost(`${name}, pickup p50, slower than with none by`, ratio(metrics.p50(fromCommit), none), waitingFactor, 'x'),
    atMost(`${name}, pickup p99, slower than with none by`, ratio(metrics.p99(fromCommit), none), waitingFactor, 'x'),
    atMost(`${name}, Redis holds more by`, memory / 1e6, flatBytes / 1e6, ' MB'),
  ];
}
