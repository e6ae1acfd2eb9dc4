/** What a runtime counts. Names that Celery dashboards know are kept; our own start with millrace_. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { QueueName } from '../queues.ts';
import type { ClaimedTask } from './ledger/rows.ts';
import type { Outcome } from './run-task.ts';

const durationBuckets = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600];
const waitBuckets = [0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 3600];

/** An attempt that is under way. Dispose it when it is over, whatever came of it. */
export interface ObservedRun extends Disposable {
  /** `end_not_written` until it is known: neither the ledger nor Redis took the attempt's end, which then runs again. */
  outcome: Outcome | 'end_not_written';
}

export interface RuntimeMetrics {
  /** Call with a claim. */
  taskStarted(task: Pick<ClaimedTask, 'name' | 'queue' | 'dueAt'>): ObservedRun;
  tasksPulled(queue: QueueName, count: number): void;
  jobDropped(queue: QueueName): void;
  consumerRebuilt(queue: QueueName): void;
}

export function createRuntimeMetrics(registry: Registry): RuntimeMetrics {
  const registers = [registry];
  const executions = new Counter({
    name: 'celery_task_executions_total',
    help: 'Ended attempts by task and outcome; end_not_written: they run again.',
    labelNames: ['task_name', 'status'] as const,
    registers,
  });
  const duration = new Histogram({
    name: 'celery_task_duration_seconds',
    help: 'Time from the handler being entered to the end written.',
    labelNames: ['task_name'] as const,
    buckets: durationBuckets,
    registers,
  });
  const active = new Gauge({ name: 'celery_active_tasks', help: 'Tasks running in this process.', registers });
  const waited = new Histogram({
    name: 'millrace_task_wait_seconds',
    help: 'Time from a task being due to its claim.',
    labelNames: ['queue'] as const,
    buckets: waitBuckets,
    registers,
  });
  const pulled = new Counter({
    name: 'millrace_tasks_pulled_total',
    help: 'Tasks taken from the backlog in the ledger, without a job in Redis.',
    labelNames: ['queue'] as const,
    registers,
  });
  const dropped = new Counter({
    name: 'millrace_jobs_dropped_total',
    help: 'Jobs that met a row which was held, finished, not due or gone, and were acknowledged without running.',
    labelNames: ['queue'] as const,
    registers,
  });
  const rebuilt = new Counter({
    name: 'millrace_consumers_rebuilt_total',
    help: 'Consumers given up for a new one, because they heard nothing while jobs waited.',
    labelNames: ['queue'] as const,
    registers,
  });
  return {
    taskStarted({ name, queue, dueAt }) {
      active.inc();
      waited.observe({ queue }, Math.max(0, (Date.now() - dueAt.getTime()) / 1000));
      const stop = duration.startTimer({ task_name: name });
      return {
        outcome: 'end_not_written',
        [Symbol.dispose]() {
          active.dec();
          stop();
          executions.inc({ task_name: name, status: this.outcome });
        },
      };
    },
    tasksPulled: (queue, count) => pulled.inc({ queue }, count),
    jobDropped: (queue) => dropped.inc({ queue }),
    consumerRebuilt: (queue) => rebuilt.inc({ queue }),
  };
}
