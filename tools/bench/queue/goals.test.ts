import { describe, expect, it } from 'vitest';
import { type Goal, goalsOf } from './goals.ts';
import { fromCommit, metrics, redisMetric, subjects, withWaiting } from './names.ts';
import { Samples } from './samples.ts';

function samplesOf(figures: readonly (readonly [subject: string, metric: string, value: number])[]): Samples {
  const samples = new Samples();
  for (const [subject, metric, value] of figures) samples.add(subject, metric, 'any', value);
  return samples;
}

const named = (goals: readonly Goal[], ...words: readonly string[]) => {
  const found = goals.filter(({ name }) => words.every((word) => name.includes(word)));
  expect(found).toHaveLength(1);
  return found[0];
};

describe('goals', () => {
  it('should go by the better of the pools of Celery', () => {
    const goals = goalsOf(
      samplesOf([
        [subjects.prefork, metrics.drain, 1000],
        [subjects.gevent, metrics.drain, 500],
        [subjects.durable, metrics.drain, 7000],
      ]),
      [],
    );
    expect(named(goals, subjects.durable, metrics.drain, 'Celery')).toMatchObject({ figure: '7.00x', met: false });
  });

  it("should go by Celery's best way to send, whichever that is", () => {
    const goals = goalsOf(
      samplesOf([
        [subjects.prefork, metrics.serial, 2000],
        [subjects.gevent, metrics.callers, 1000],
        [subjects.durable, metrics.callers, 6000],
        [subjects.durable, metrics.batch(100), 30_000],
        [subjects.durable, metrics.batch(1000), 10_000],
      ]),
      [],
    );
    expect(named(goals, metrics.callers)).toMatchObject({ figure: '3.00x', met: true });
    expect(named(goals, 'enqueue in batches')).toMatchObject({ figure: '15.0x', met: true });
  });

  it('should be neither met nor missed where a figure was not measured', () => {
    const goals = goalsOf(samplesOf([[subjects.durable, metrics.drain, 7000]]), []);
    expect(new Set(goals.map(({ met }) => met))).toEqual(new Set([undefined]));
  });

  it('should hold what waits against an empty queue', () => {
    const name = withWaiting(subjects.durable, 100_000);
    const goals = goalsOf(
      samplesOf([
        [subjects.durable, metrics.drain, 1250],
        [name, metrics.drain, 1000],
        [withWaiting(subjects.durable, 0), metrics.p50(fromCommit), 2],
        [name, metrics.p50(fromCommit), 3],
        [withWaiting(subjects.durable, 0), redisMetric, 2e6],
        [name, redisMetric, 12e6],
      ]),
      [100_000],
    );
    expect(named(goals, name, 'tasks/s')).toMatchObject({ figure: '1.25x', met: true });
    expect(named(goals, name, 'p50')).toMatchObject({ figure: '1.50x', met: false });
    expect(named(goals, name, 'Redis')).toMatchObject({ figure: '10.0 MB', met: true });
  });
});
