/**
 * How fast the workers that are there work off a backlog of tasks that wait for the network. `loadtest/scaling.ts` runs
 * it with 1, 2 and 3 of them.
 */
import { abort } from '../abort.ts';
import { Account, drain } from '../accounting.ts';
import type { Client } from '../client.ts';
import * as metrics from '../metrics.ts';
import type { Scenario } from './scenario.ts';
import { enqueueThreshold, once, probe, sendBatches } from './sending.ts';

const defaultTasks = 200;
const batch = 200;
const queueName = 'fast_tasks';
const queue = `/v1/queues/${queueName}`;

/** The queue is resumed in the end: one that was paused before would not stay so. */
async function requireRunning(client: Client): Promise<void> {
  const { queues } = await client.get<{ queues: readonly { name: string; paused: boolean }[] }>(
    '/v1/queues',
    'list queues',
  );
  if (!queues.some(({ name, paused }) => name === queueName && paused)) return;
  abort(
    `The queue ${queueName} is paused; the scenario scaling expects it to run, pauses it and resumes it in the end. ` +
      `Resume it first (millrace resume ${queueName}). Nothing was measured.`,
  );
}

export const scaling: Scenario = {
  name: 'scaling',
  describe: (settings) =>
    `a backlog of ${settings.size('LOADTEST_TASKS', defaultTasks)} tasks that wait ${settings.number('LOADTEST_SLEEP_MS')} ms each, let go at once`,
  needsSampleTasks: true,
  execution: once,
  thresholds: enqueueThreshold,
  async prepare({ client }) {
    await requireRunning(client);
    return probe(client);
  },
  async run({ client, settings, prepared }) {
    const account = new Account(prepared.startedMs);
    await client.post(`${queue}/pause`, {}, 'pause');
    const ids = await sendBatches({
      client,
      task: 'sample_sleep',
      payload: { ms: settings.number('LOADTEST_SLEEP_MS') },
      count: settings.size('LOADTEST_TASKS', defaultTasks),
      batch,
      senders: 1,
    });
    await client.post(`${queue}/resume`, {}, 'resume');
    await drain({ client, account, ids, task: 'sample_sleep', seconds: settings.number('LOADTEST_DRAIN_SECONDS') });
    // the backlog waited while it was sent: the rate runs from the first claim
    metrics.throughput.add(account.perSecond('started'));
  },
  /** Also when the run was broken off in the middle. */
  async clean({ client }) {
    await client.post(`${queue}/resume`, {}, 'resume');
  },
};
