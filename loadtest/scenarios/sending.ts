/** What scenarios share that send tasks. */
import type { Scenario as Execution } from 'k6/options';
import { abort } from '../abort.ts';
import type { Client, NewTask } from '../client.ts';
import * as metrics from '../metrics.ts';
import { pause } from '../pause.ts';
import { metricNames } from '../report/names.ts';
import type { Settings } from '../settings.ts';
import { newTaskId } from '../task-id.ts';
import type { Prepared, Scenario } from './scenario.ts';

/** How long a first task may take, which tells whether anybody works at all. */
const probeSeconds = 30;
/** After an answer that did not wait: the API is away, or does not know the task. */
const pauseSeconds = 1;
/** Between the end of the drain and k6's own end of the iteration. */
const marginSeconds = 120;

/** One iteration of one sender, which does all: it alone knows every id, so that the account is exact. */
export const once = (settings: Settings): Execution => ({
  executor: 'per-vu-iterations',
  vus: 1,
  iterations: 1,
  maxDuration: `${3600 + settings.number('LOADTEST_DRAIN_SECONDS') + marginSeconds}s`,
});

/** The thresholds of answers to requests, in ms. */
export const enqueueThreshold = (settings: Settings) => ({
  [metricNames.enqueue]: [`p(95)<=${settings.number('LOADTEST_ENQUEUE_P95_MS')}`],
});

/** The thresholds of tasks that do nothing, from claim to end, in ms. */
export const serviceThreshold = (settings: Settings) => ({
  [metricNames.service]: [`p(95)<=${settings.number('LOADTEST_SERVICE_P95_MS')}`],
});

/** Sends one task and waits for its end: is there a worker, and what is the time by the ledger's clock? */
export async function probe(client: Client): Promise<Prepared> {
  const { workers } = await client.get<{ workers: readonly unknown[] }>('/v1/workers', 'list workers');
  metrics.workers.add(workers.length);
  const id = newTaskId();
  const { accepted } = await client.sendTasks([{ task: 'sample_noop', payload: {}, options: { task_id: id } }]);
  if (!accepted) abort('A first task was not accepted; the line above says why. Nothing was measured.');
  const deadline = Date.now() + probeSeconds * 1000;
  for (;;) {
    const left = (deadline - Date.now()) / 1000;
    const task = await client.task(id, left);
    if (task !== undefined && task !== 'away' && task.finished_at !== null) {
      if (task.status === 'COMPLETED') return { startedMs: Date.parse(task.finished_at) };
      abort(`A first task ended as ${task.status}: ${task.error?.message ?? ''} Nothing was measured.`);
    }
    if (left <= 0) {
      abort(`A first task has not ended within ${probeSeconds} s. ${await client.why(id)} Nothing was measured.`);
    }
    if (task === undefined || task === 'away') await pause(Math.min(pauseSeconds, left));
  }
}

/** Refuses servers without the sample tasks. */
export async function requireSampleTasks(client: Client, scenario: Scenario): Promise<void> {
  const { tasks } = await client.get<{ tasks: readonly { task: string }[] }>('/v1/inspect/registered', 'list tasks');
  if (tasks.some(({ task }) => task === 'sample_noop')) return;
  abort(
    `The scenario ${scenario.name} sends sample tasks, and this installation has none. Start its API and workers with ` +
      'MILLRACE_SAMPLE_TASKS=true (in compose: in compose/.env), or run the scenario smoke or indexing.',
  );
}

/** Sends one task so many times in batches, by senders side by side. @returns the ids that were accepted */
export async function sendBatches(options: {
  readonly client: Client;
  readonly task: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly count: number;
  readonly batch: number;
  readonly senders: number;
}): Promise<string[]> {
  const { client, task, payload, count, batch, senders } = options;
  const accepted: string[] = [];
  let begun = 0;
  await Promise.all(
    Array.from({ length: senders }, async () => {
      while (begun < count) {
        const size = Math.min(batch, count - begun);
        begun += size;
        const tasks = Array.from(
          { length: size },
          (): NewTask => ({ task, payload, options: { task_id: newTaskId() } }),
        );
        if (await sendCounted(client, tasks)) for (const { options } of tasks) accepted.push(options.task_id);
      }
    }),
  );
  return accepted;
}

/** Sends tasks in one request and keeps how it went. */
export async function sendCounted(client: Client, tasks: readonly NewTask[]): Promise<boolean> {
  const { accepted, milliseconds } = await client.sendTasks(tasks);
  if (accepted) {
    metrics.enqueue.add(milliseconds);
    metrics.accepted.add(tasks.length);
  } else {
    metrics.refused.add(tasks.length);
  }
  return accepted;
}
