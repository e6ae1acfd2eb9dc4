/** How long a task waits when tasks come at a fixed pace, whether the system keeps up or not: an open loop. */
import { Account, drain } from '../accounting.ts';
import { metricNames } from '../report/names.ts';
import { newTaskId } from '../task-id.ts';
import type { Scenario } from './scenario.ts';
import { enqueueThreshold, probe, sendCounted, serviceThreshold } from './sending.ts';

/** A sender is busy until its task has ended: so many seconds' worth of tasks may be under way before one is not sent. */
const underWaySeconds = 10;
/** Senders that are there from the start, in seconds' worth of tasks: making one in the middle of a run takes k6 time. */
const readySeconds = 4;
const leastSenders = 100;
const mostSenders = 2000;

export const latency: Scenario = {
  name: 'latency',
  describe: (settings) =>
    `${settings.number('LOADTEST_RATE')} tasks a second for ${settings.number('LOADTEST_SECONDS')} s, one a request, sent on time whether earlier ones have ended or not`,
  needsSampleTasks: true,
  execution(settings) {
    const rate = settings.number('LOADTEST_RATE');
    const senders = Math.min(mostSenders, Math.max(leastSenders, rate * readySeconds));
    return {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: `${settings.number('LOADTEST_SECONDS')}s`,
      preAllocatedVUs: senders,
      maxVUs: Math.min(mostSenders, Math.max(senders, rate * underWaySeconds)),
      // the drain: iterations that wait for their task are not cut short
      gracefulStop: `${settings.number('LOADTEST_DRAIN_SECONDS') + 60}s`,
    };
  },
  thresholds: (settings) => ({
    ...enqueueThreshold(settings),
    ...serviceThreshold(settings),
    [metricNames.endToEnd]: [`p(95)<=${settings.number('LOADTEST_END_TO_END_P95_MS')}`],
    [metricNames.queueWait]: [`p(95)<=${settings.number('LOADTEST_WAIT_P95_MS')}`],
    // one not sent in time is one not measured: the loop would be no open one
    dropped_iterations: ['count==0'],
  }),
  prepare: ({ client }) => probe(client),
  async run({ client, settings, prepared }) {
    const account = new Account(prepared.startedMs);
    const id = newTaskId();
    const sent = await sendCounted(client, [{ task: 'sample_noop', payload: {}, options: { task_id: id } }]);
    if (sent) await drain({ client, account, ids: [id], seconds: settings.number('LOADTEST_DRAIN_SECONDS') });
  },
};
