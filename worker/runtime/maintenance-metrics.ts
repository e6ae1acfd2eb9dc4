/** What is counted of the sweeps that every long-running process does: how long a round takes, what fails, what they did to tasks. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { RoundObserver } from './loop.ts';

/**
 * `handed_over`: taken by Redis from the relay. `expired`: ended before their start. `put_back`: Redis no longer knew them.
 * `taken_over`: their worker's lease was over. `removed`: finished ones that were kept for `MILLRACE_RESULT_TTL`.
 */
export const maintained = ['handed_over', 'expired', 'put_back', 'taken_over', 'removed'] as const;
export type Maintained = (typeof maintained)[number];

export interface MaintenanceMetrics extends RoundObserver {
  tasks(what: Maintained, count: number): void;
}

const roundBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

export function createMaintenanceMetrics(registry: Registry): MaintenanceMetrics {
  const registers = [registry];
  const rounds = new Histogram({
    name: 'millrace_maintenance_round_seconds',
    help: 'How long a round of a sweep of this process took, those that failed among them.',
    labelNames: ['loop'] as const,
    buckets: roundBuckets,
    registers,
  });
  const failures = new Counter({
    name: 'millrace_maintenance_failures_total',
    help: 'Rounds of a sweep that failed; it goes on trying.',
    labelNames: ['loop'] as const,
    registers,
  });
  const tasks = new Counter({
    name: 'millrace_maintenance_tasks_total',
    help: 'Tasks that the sweeps of this process handed over, found expired, put back, took over, or removed.',
    labelNames: ['action'] as const,
    registers,
  });
  // there from the start: what was never counted cannot be told from what nobody counts
  for (const action of maintained) tasks.inc({ action }, 0);
  return {
    round(loop, seconds, failed) {
      rounds.observe({ loop }, seconds);
      failures.inc({ loop }, failed ? 1 : 0);
    },
    tasks: (action, count) => tasks.inc({ action }, count),
  };
}

/** Counts nothing. */
export const noMaintenanceMetrics: MaintenanceMetrics = { round: () => undefined, tasks: () => undefined };
