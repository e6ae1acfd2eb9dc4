/**
 * The load test: `k6 run loadtest/main.ts`, `k6 run -e SCENARIO=throughput loadtest/main.ts`.
 * Settings stand in settings.ts, scenarios in scenarios/, and the guide in docs/guides/load-test.md.
 */
import type { Options } from 'k6/options';
import { abort } from './abort.ts';
import { findApiKey } from './api-key.ts';
import { Client } from './client.ts';
import { beginAtNought } from './metrics.ts';
import { chartSeconds, metricNames, percentiles } from './report/names.ts';
import { type K6Summary, reportFiles } from './report/report.ts';
import { scenarios } from './scenarios/all.ts';
import type { Prepared } from './scenarios/scenario.ts';
import { requireSampleTasks } from './scenarios/sending.ts';
import { readSettings } from './settings.ts';

const { settings, faults } = readSettings(__ENV);
const { key, looked } = findApiKey(__ENV);
const scenario = scenarios[settings.scenario];
const client = new Client(settings.url, key ?? '');

/** k6 keeps samples by tag only where a threshold asks for it: these always hold, and give the chart over time its points. */
const bySecond = [metricNames.acceptedAt, metricNames.endedAt].flatMap((name) =>
  Array.from({ length: chartSeconds }, (_, second) => [`${name}{second:${second}}`, ['count>=0']] as const),
);

const folder = settings.out ?? import.meta.resolve('./reports').replace(/^file:\/\//, '');
/** k6 exits with 0 and prints no report where its folder is missing. Only while scripts are read may anything be opened. */
const folderIsThere = isThere(folder);

function isThere(path: string): boolean {
  const absolute = path.startsWith('/');
  // where k6 was started: scripts are told by the shell alone
  if (!absolute && !__ENV.PWD) return true;
  try {
    open(absolute ? path : `${__ENV.PWD}/${path}`);
    return true;
  } catch (error) {
    // a folder cannot be opened either, and k6 says that in other words
    return !/no such file|not a directory|cannot find/i.test(String(error));
  }
}

export const options: Options = {
  scenarios: { [scenario.name]: scenario.execution(settings) },
  thresholds: {
    [metricNames.lost]: ['count==0'],
    [metricNames.failed]: ['count==0'],
    [metricNames.refused]: ['count==0'],
    [metricNames.accepted]: ['count>0'],
    [metricNames.completed]: ['count>0'],
    ...Object.fromEntries(Object.entries(scenario.thresholds(settings)).map(([name, all]) => [name, [...all]])),
    ...Object.fromEntries(bySecond.map(([name, all]) => [name, [...all]])),
  },
  setupTimeout: '120s',
  teardownTimeout: '120s',
  summaryTrendStats: ['min', 'avg', 'max', 'count', ...percentiles.map((percentile) => `p(${percentile})`)],
};

export async function setup(): Promise<Prepared> {
  if (faults.length > 0) abort(faults.join('\n'));
  if (!folderIsThere) abort(`LOADTEST_OUT: expected a folder that is there, instead got "${folder}".`);
  if (key === undefined) {
    abort(
      `There is no API key for ${settings.url}. Set MILLRACE_API_KEY or MILLRACE_API_KEY_FILE, or start Millrace first, which writes one. Looked for: ${looked.join(', ')}.`,
    );
  }
  beginAtNought();
  if (scenario.needsSampleTasks) await requireSampleTasks(client, scenario);
  return scenario.prepare({ client, settings });
}

export default async function run(prepared: Prepared): Promise<void> {
  try {
    await scenario.run({ client, settings, prepared });
  } catch (error) {
    // k6 would go on and exit with 0: what was sent has no account then, and no threshold is broken
    abort(`The scenario ${scenario.name} broke off, so that what it sent has no account: ${error}`);
  }
}

export async function teardown(prepared: Prepared): Promise<void> {
  await scenario.clean?.({ client, settings, prepared });
}

export function handleSummary(data: K6Summary): Record<string, string> {
  return reportFiles(data, {
    scenario: scenario.name,
    description: scenario.describe(settings),
    url: settings.url,
    folder,
  });
}
