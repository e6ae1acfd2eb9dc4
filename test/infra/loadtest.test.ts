/** The load test by k6, against a real Millrace: every scenario, and what it says when it cannot run. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadReport } from '../../loadtest/report/load-report.ts';
import {
  type EmbeddingEndpoint,
  endpointDimensions,
  endpointModel,
  startEmbeddingEndpoint,
} from '../harness/embedding-endpoint.ts';
import { freePort } from '../harness/processes.ts';
import { until } from '../harness/until.ts';
import { type RunningEmbedded, Workshop } from '../integration/embedded/setup.ts';
import { type Ended, runK6 } from './loadtest/run-k6.ts';

const limitSeconds = 240;
/** Goals are for machines at rest; here it is the account that counts. */
const patient = {
  LOADTEST_ENQUEUE_P95_MS: '60000',
  LOADTEST_WAIT_P95_MS: '60000',
  LOADTEST_SERVICE_P95_MS: '60000',
  LOADTEST_END_TO_END_P95_MS: '60000',
  LOADTEST_MIN_THROUGHPUT: '1',
};

const workshop = new Workshop();
let endpoint: EmbeddingEndpoint;
let millrace: RunningEmbedded;
let reports: string;

beforeAll(async () => {
  endpoint = await startEmbeddingEndpoint();
  reports = await workshop.home();
  await mkdir(reports, { recursive: true });
  millrace = await workshop.start(await workshop.home(), {
    MILLRACE_EMBEDDING_PROVIDER: 'openai_compatible',
    MILLRACE_EMBEDDING_BASE_URL: endpoint.baseUrl,
    MILLRACE_EMBEDDING_MODEL: endpointModel,
    MILLRACE_EMBEDDING_DIMENSIONS: String(endpointDimensions),
  });
});
afterAll(async () => {
  await workshop[Symbol.asyncDispose]();
  await endpoint?.[Symbol.asyncDispose]();
});

const k6 = (env: Readonly<Record<string, string>>): Promise<Ended> =>
  runK6({
    env: { MILLRACE_URL: millrace.url, MILLRACE_API_KEY: millrace.apiKey, LOADTEST_OUT: reports, ...env },
    limitSeconds,
  });

/** What the run left in its files; a run that failed shows what it printed. */
async function reported(scenario: string, { code, output }: Ended): Promise<LoadReport> {
  expect(code, output).toBe(0);
  const read = (ending: string) => readFile(join(reports, `${scenario}.${ending}`), 'utf8');
  expect(output).toContain(await read('txt'));
  const page = await read('html');
  expect(page).toContain('<polyline');
  // it opens without a network, and k6 put nothing into it that breaks it
  expect(page).not.toMatch(/<(?:script|link|img)\b|@import|\bNaN\b|Infinity|undefined/);
  return JSON.parse(await read('json'));
}

describe('scenarios', { timeout: limitSeconds * 1000 }, () => {
  it('should run smoke when told nothing, and find what it indexed', async () => {
    const report = await reported('smoke', await k6({ LOADTEST_DOCUMENTS: '3' }));
    expect(report.tasks).toEqual({ accepted: 3, completed: 3, failed: 0, lost: 0, refused: 0 });
    expect(report.thresholds).toContainEqual({ metric: 'checks', expression: 'rate==1', ok: true });
    expect(report.workers).toBe(1);
    // it takes its dataset away again
    expect(await millrace.client.get('/v1/datasets')).toMatchObject({ total: 0 });
  });

  it('should account for every task of throughput, by its times in the ledger', async () => {
    const { stages, tasks, overTime, throughput } = await reported(
      'throughput',
      await k6({ SCENARIO: 'throughput', LOADTEST_TASKS: '1050', LOADTEST_BATCH: '100', ...patient }),
    );
    expect(tasks).toEqual({ accepted: 1050, completed: 1050, failed: 0, lost: 0, refused: 0 });
    expect(stages.enqueue?.count).toBe(11);
    for (const stage of ['queueWait', 'service', 'endToEnd'] as const) expect(stages[stage]?.count).toBe(1050);
    // wait and service are the two parts of the whole, to the millisecond in which times are told
    const parts = (stages.queueWait?.avg ?? 0) + (stages.service?.avg ?? 0);
    expect(Math.abs(parts - (stages.endToEnd?.avg ?? 0))).toBeLessThan(1);
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
    expect([sum(overTime.accepted), sum(overTime.ended)]).toEqual([1050, 1050]);
    expect(throughput).toBeGreaterThan(0);
  });

  it('should send at a fixed rate in latency, and wait for the last', async () => {
    const run = await k6({ SCENARIO: 'latency', LOADTEST_RATE: '20', LOADTEST_SECONDS: '5', ...patient });
    const { tasks, stages } = await reported('latency', run);
    // k6 starts one more or less at the edges
    expect(Math.abs(tasks.accepted - 100)).toBeLessThanOrEqual(2);
    expect(tasks).toMatchObject({ completed: tasks.accepted, failed: 0, lost: 0, refused: 0 });
    expect(stages.queueWait?.count).toBe(tasks.accepted);
  });

  it('should index texts and files in indexing', async () => {
    const { tasks } = await reported(
      'indexing',
      await k6({ SCENARIO: 'indexing', LOADTEST_DOCUMENTS: '4', ...patient }),
    );
    expect(tasks).toEqual({ accepted: 4, completed: 4, failed: 0, lost: 0, refused: 0 });
  });

  it('should let a backlog go at once in scaling, and leave the queue as it was', async () => {
    const run = await k6({ SCENARIO: 'scaling', LOADTEST_TASKS: '40', LOADTEST_SLEEP_MS: '100', ...patient });
    const { tasks, stages } = await reported('scaling', run);
    expect(tasks).toEqual({ accepted: 40, completed: 40, failed: 0, lost: 0, refused: 0 });
    expect(stages.service?.min).toBeGreaterThanOrEqual(99);
    const { queues } = (await millrace.client.get('/v1/queues')) as { queues: { name: string; paused: boolean }[] };
    expect(queues.find(({ name }) => name === 'fast_tasks')?.paused).toBe(false);
  });

  it('should tell apart what failed and what has no end when the drain is over, say why, and exit with 99', async () => {
    const run = k6({
      SCENARIO: 'scaling',
      LOADTEST_TASKS: '3',
      LOADTEST_SLEEP_MS: '60000',
      LOADTEST_DRAIN_SECONDS: '20',
      ...patient,
    });
    const cancelled = await firstRunning('sample_sleep');
    await millrace.client.delete(`/v1/tasks/${cancelled}`);
    const { code, output } = await run;
    expect(code, output).toBe(99);
    expect(output).toContain(`task ${cancelled} ended as CANCELLED: Cancelled through the API.`);
    expect(output).toMatch(
      /2 accepted tasks have no end after a drain of 20 s; the ledger does not know 0 of them\. Of one/,
    );
    const report: LoadReport = JSON.parse(await readFile(join(reports, 'scaling.json'), 'utf8'));
    expect(report.tasks).toEqual({ accepted: 3, completed: 0, failed: 1, lost: 2, refused: 0 });
    expect(report.passed).toBe(false);
  });
});

/** The id of a running task of this name, once there is one. */
async function firstRunning(task: string): Promise<string> {
  let id: string | undefined;
  await until(`a running ${task}`, 60_000, async () => {
    const { tasks } = (await millrace.client.get(`/v1/tasks?task=${task}&status=RUNNING`)) as {
      tasks: { task_id: string }[];
    };
    id = tasks[0]?.task_id;
    return id !== undefined;
  });
  return id ?? '';
}

describe('what cannot run', { timeout: limitSeconds * 1000 }, () => {
  /** k6 says it in a line of its log: one sentence or two, no stack, no report. */
  async function refusal(env: Readonly<Record<string, string>>, cwd?: string): Promise<string> {
    const given = { MILLRACE_URL: millrace.url, LOADTEST_OUT: reports, ...env };
    const { code, output } = await runK6({ env: given, limitSeconds, ...(cwd !== undefined && { cwd }) });
    expect(code, output).toBe(108);
    expect(output).not.toMatch(/\.ts:\d+|stacktrace|written to/);
    return output;
  }

  it('should say where it looked for a key', async () => {
    const empty = await workshop.home();
    const output = await refusal({ MILLRACE_HOME: empty });
    expect(output).toContain(`There is no API key for ${millrace.url}. Set MILLRACE_API_KEY or MILLRACE_API_KEY_FILE`);
    expect(output).toContain(`Looked for: MILLRACE_API_KEY, ${empty}/api-key.`);
  });

  it('should say that the server does not know the key', async () => {
    expect(await refusal({ MILLRACE_API_KEY: 'mr-not-a-key-of-this-server' })).toContain(
      `${millrace.url} does not know this API key (401). Set MILLRACE_API_KEY`,
    );
  });

  it('should say that nothing answers', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(await refusal({ MILLRACE_URL: url, MILLRACE_API_KEY: millrace.apiKey })).toContain(
      `Nothing answers at ${url} (dial: connection refused). Start Millrace`,
    );
  });

  it('should say which settings are wrong, and what was expected, all at once', async () => {
    const output = await refusal({
      MILLRACE_API_KEY: millrace.apiKey,
      SCENARIO: 'thruput',
      LOADTEST_TASKS: 'many',
      LOADTEST_TASK: '3',
    });
    expect(output).toContain('SCENARIO: expected one of smoke, throughput, latency, indexing, scaling, instead got');
    expect(output).toContain('LOADTEST_TASKS: expected a whole number from 1 to 1000000 (tasks), instead got');
    expect(output).toContain('LOADTEST_TASK is no setting of the load test');
  });

  it('should say that the sample tasks are not there, and smoke should run without them', async () => {
    const without = await workshop.start(await workshop.home(), {
      MILLRACE_SAMPLE_TASKS: 'false',
      MILLRACE_EMBEDDING_PROVIDER: 'openai_compatible',
      MILLRACE_EMBEDDING_BASE_URL: endpoint.baseUrl,
      MILLRACE_EMBEDDING_MODEL: endpointModel,
      MILLRACE_EMBEDDING_DIMENSIONS: String(endpointDimensions),
    });
    const env = { MILLRACE_URL: without.url, MILLRACE_API_KEY: without.apiKey };
    for (const scenario of ['throughput', 'latency', 'scaling']) {
      expect(await refusal({ ...env, SCENARIO: scenario })).toContain(
        `The scenario ${scenario} sends sample tasks, and this installation has none. Start its API and workers with MILLRACE_SAMPLE_TASKS=true`,
      );
    }
    const { tasks } = await reported('smoke', await k6({ ...env, LOADTEST_DOCUMENTS: '1' }));
    expect(tasks).toMatchObject({ accepted: 1, completed: 1 });
    await without.stop();
  });
});

it('should find the key in .millrace where it was started, and the file that MILLRACE_API_KEY_FILE names', async () => {
  const folder = await workshop.home();
  await mkdir(join(folder, '.millrace'), { recursive: true });
  await writeFile(join(folder, '.millrace/api-key'), `${millrace.apiKey}\n`);
  const env = { MILLRACE_URL: millrace.url, LOADTEST_OUT: reports, LOADTEST_DOCUMENTS: '1' };
  for (const how of [{}, { MILLRACE_API_KEY_FILE: '.millrace/api-key' }]) {
    const { code, output } = await runK6({ env: { ...env, ...how }, cwd: folder, limitSeconds });
    expect(code, output).toBe(0);
  }
});
