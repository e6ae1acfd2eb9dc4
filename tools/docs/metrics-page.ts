/** docs/reference/metrics.md, from the metrics that processes register. */
import { type Metric, Registry } from 'prom-client';
import { createHttpDuration } from '../../worker/api/http-metrics.ts';
import { createBeatMetrics } from '../../worker/beat/metrics.ts';
import { MetricsWithWorker } from '../../worker/boot/worker-view.ts';
import { createLiveMetrics, createMaintenanceMetrics, createRuntimeMetrics } from '../../worker/runtime/index.ts';
import { code, table } from './markdown.ts';

const intro = `\`GET /metrics\` tells each process's own in Prometheus's text format: the API on its port, workers and beats on \`HEALTH_PORT\`. Beside those
below each tells what prom-client counts of every Node process (\`process_…\`, \`nodejs_…\`). Names that dashboards for Celery know are kept.`;

const watching = `| when | look at | then |
| --- | --- | --- |
| tasks hang in "queuing" | \`max by (queue) (millrace_queue_oldest_due_seconds) > 300\` | \`millrace why <queue>\` says what holds it up |
| nobody counts the queues | \`absent(millrace_queue_due)\` | no beat leads: schedules are not fired either |
| workers cannot keep up | \`sum by (queue) (millrace_queue_due)\` rises for minutes | [more of them](../guides/load-and-fairness.md) |
| tasks fail | \`rate(celery_task_executions_total{status=~"failed\\|timed_out\\|died"}[5m])\` by \`task_name\` | \`millrace dlq list\` |
| workers die | \`rate(millrace_maintenance_tasks_total{action="taken_over"}[15m]) > 0\` | the log of the container that was restarted |
| Redis loses what it was given | \`rate(millrace_maintenance_tasks_total{action="put_back"}[15m]) > 0\` | [the doctor](../guides/doctor.md): eviction, persistence |
| a sweep does not get through | \`rate(millrace_maintenance_failures_total[5m]) > 0\`, or its rounds grow long | the log line "… failed and goes on trying" says why |`;

/** Whose metrics they are, each as processes make them; nothing is asked. */
const groups: readonly (readonly [title: string, intro: string, metrics: () => Registry])[] = [
  ['Workers', 'Of each process that runs tasks.', () => made(createRuntimeMetrics)],
  ['Every process', 'The sweeps that each process does, safe beside its twins.', () => made(createMaintenanceMetrics)],
  [
    'Beats',
    'Mode `beat`, and `all`.',
    () => made((registry) => createBeatMetrics(registry, { query: () => Promise.reject(new Error('not asked')) })),
  ],
  ['APIs', 'Mode `api`, and `all`.', () => made(createHttpDuration)],
  [
    'Live events',
    'Of workers and APIs ([live progress](../guides/live-progress.md#what-to-look-at)).',
    () => made(createLiveMetrics),
  ],
  [
    'Mode `all`',
    'Of the process that supervises the one which runs the tasks.',
    () => new MetricsWithWorker({ ask: () => Promise.reject(new Error('not asked')) }),
  ],
];

function made(create: (registry: Registry) => unknown): Registry {
  const registry = new Registry();
  create(registry);
  return registry;
}

/** What prom-client keeps of a metric, of which its types show none. */
type Described = Metric & { readonly name: string; readonly help: string; readonly labelNames: readonly string[] };

async function rowsOf(registry: Registry): Promise<string[][]> {
  const kinds = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  return (registry.getMetricsAsArray() as unknown as Described[]).map(({ name, help, labelNames }) => [
    code(name),
    kinds.get(name) ?? '',
    labelNames
      .filter((label) => label !== 'le')
      .map(code)
      .join(', '),
    help,
  ]);
}

export async function metricsPage(): Promise<string> {
  const sections = groups.map(async ([title, about, metrics]) => [
    `## ${title}`,
    about,
    table(['name', 'kind', 'labels', 'tells'], await rowsOf(metrics())),
  ]);
  return ['# Metrics', intro, '## What to watch', watching, ...(await Promise.all(sections)).flat()].join('\n\n');
}
