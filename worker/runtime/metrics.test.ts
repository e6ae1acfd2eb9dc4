import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createRuntimeMetrics } from './metrics.ts';

test('should count an attempt as over, also one whose end could not be written', async () => {
  const registry = new Registry();
  const metrics = createRuntimeMetrics(registry);
  const task = { name: 'grind', queue: 'fast_tasks', dueAt: new Date() } as const;
  const active = async () => (await registry.getSingleMetric('celery_active_tasks')?.get())?.values[0]?.value;
  const ended = async () => {
    const { values } = (await registry.getSingleMetric('celery_task_executions_total')?.get()) ?? { values: [] };
    return values.map(({ labels, value }) => [labels.task_name, labels.status, value]);
  };
  const [good, lost] = [metrics.taskStarted(task), metrics.taskStarted(task)];
  expect(await active()).toBe(2);
  good.outcome = 'completed';
  good[Symbol.dispose]();
  lost[Symbol.dispose]();
  expect(await active()).toBe(0);
  expect(await ended()).toEqual([
    ['grind', 'completed', 1],
    ['grind', 'end_not_written', 1],
  ]);
});
