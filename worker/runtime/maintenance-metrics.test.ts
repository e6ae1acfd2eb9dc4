import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { startLoop } from './loop.ts';
import { createMaintenanceMetrics } from './maintenance-metrics.ts';

const lines = async (registry: Registry, name: string) =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));

it('should tell 0 of each thing that sweeps do before any has done it, and then how often', async () => {
  const registry = new Registry();
  const metrics = createMaintenanceMetrics(registry);
  metrics.tasks('put_back', 3);
  metrics.tasks('put_back', 2);
  expect(await lines(registry, 'millrace_maintenance_tasks_total')).toEqual([
    'millrace_maintenance_tasks_total{action="handed_over"} 0',
    'millrace_maintenance_tasks_total{action="expired"} 0',
    'millrace_maintenance_tasks_total{action="put_back"} 5',
    'millrace_maintenance_tasks_total{action="taken_over"} 0',
    'millrace_maintenance_tasks_total{action="removed"} 0',
  ]);
});

it('should count the rounds of a loop and those that failed', async () => {
  const registry = new Registry();
  const ends = [() => 'again' as const, () => Promise.reject(new Error('away')), () => undefined];
  const all = Promise.withResolvers<void>();
  const loop = startLoop({
    name: 'sweep',
    intervalMs: 1,
    log: pino({ level: 'silent' }),
    metrics: createMaintenanceMetrics(registry),
    round: async () => {
      const end = ends.shift();
      if (ends.length === 0) all.resolve();
      return end?.();
    },
  });
  await all.promise;
  await loop.stop();
  expect(await lines(registry, 'millrace_maintenance_round_seconds_count')).toEqual([
    'millrace_maintenance_round_seconds_count{loop="sweep"} 3',
  ]);
  expect(await lines(registry, 'millrace_maintenance_failures_total')).toEqual([
    'millrace_maintenance_failures_total{loop="sweep"} 1',
  ]);
});
