/** How many tasks a second come in, and how many get done. */
import { Account, drain } from '../accounting.ts';
import * as metrics from '../metrics.ts';
import { metricNames } from '../report/names.ts';
import type { Scenario } from './scenario.ts';
import { enqueueThreshold, once, probe, sendBatches, serviceThreshold } from './sending.ts';

const defaultTasks = 10_000;
const defaultSenders = 4;

export const throughput: Scenario = {
  name: 'throughput',
  describe: (settings) =>
    `${settings.size('LOADTEST_TASKS', defaultTasks)} tasks that do nothing, in batches of ${settings.number('LOADTEST_BATCH')}, from ` +
    `${settings.size('LOADTEST_SENDERS', defaultSenders)} senders that each await their answer`,
  needsSampleTasks: true,
  execution: once,
  thresholds: (settings) => ({
    ...enqueueThreshold(settings),
    ...serviceThreshold(settings),
    [metricNames.throughput]: [`value>=${settings.number('LOADTEST_MIN_THROUGHPUT')}`],
  }),
  prepare: ({ client }) => probe(client),
  async run({ client, settings, prepared }) {
    const account = new Account(prepared.startedMs);
    const ids = await sendBatches({
      client,
      task: 'sample_noop',
      payload: {},
      count: settings.size('LOADTEST_TASKS', defaultTasks),
      batch: settings.number('LOADTEST_BATCH'),
      senders: settings.size('LOADTEST_SENDERS', defaultSenders),
    });
    await drain({ client, account, ids, task: 'sample_noop', seconds: settings.number('LOADTEST_DRAIN_SECONDS') });
    metrics.throughput.add(account.perSecond('accepted'));
  },
};
