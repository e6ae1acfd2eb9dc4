/** Mode `all` runs its tasks in a child: what becomes of everybody else when a task brings that down, or the parent dies. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { commandLine } from '../harness/processes.ts';
import { type RunningEmbedded, send, Workshop } from '../integration/embedded/setup.ts';

const workshop = new Workshop();
let millrace: RunningEmbedded;

beforeAll(async () => {
  millrace = await workshop.start(await workshop.home(), { LOG_LEVEL: 'WARNING' });
});
afterAll(() => workshop[Symbol.asyncDispose]());

const taskSchema = z.object({
  status: z.string(),
  attempts: z.number(),
  error: z.object({ code: z.string() }).nullable(),
});
const deadLetterSchema = z.object({ error_history: z.array(z.object({ code: z.string() })) });
const ended = async (id: string) => taskSchema.parse(await millrace.client.get(`/v1/tasks/${id}?wait=30`));
const statusOf = async (id: string) => taskSchema.parse(await millrace.client.get(`/v1/tasks/${id}`)).status;
const until = (status: string, ids: readonly string[]) =>
  vi.waitFor(async () => expect(await Promise.all(ids.map(statusOf))).toEqual(ids.map(() => status)), {
    timeout: 10_000,
    interval: 50,
  });

const notedSchema = z.object({ pid: z.number() });
const workerPid = async () => {
  try {
    return notedSchema.parse(JSON.parse(await readFile(join(millrace.home, 'worker.json'), 'utf8'))).pid;
  } catch {
    return undefined;
  }
};
const workersSchema = z.object({ workers: z.array(z.object({ name: z.string(), mode: z.string() })) });
const metric = (page: string, series: string) =>
  Number(
    page
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length),
  );

/** Asks for /healthz again and again; says how often, and what came instead of an answer. */
function probe() {
  const stopping = new AbortController();
  const failures: string[] = [];
  let asked = 0;
  const run = async () => {
    while (!stopping.signal.aborted) {
      asked += 1;
      const answer = await fetch(`${millrace.url}/healthz`, { signal: AbortSignal.timeout(2000) }).then(
        ({ status }) => (status === 200 ? undefined : `status ${status}`),
        (error: unknown) => String(error),
      );
      if (answer !== undefined) failures.push(answer);
      await wait(20);
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
      return { asked, failures };
    },
  };
}

const neighbourMs = 2000;
/** For the worker to be back. */
const backMs = 5000;

test('should keep the API answering through a task that kills its process, be back within 5 s, and charge that task only', async () => {
  const health = probe();
  const neighbours = await Promise.all([1, 2].map(() => send(millrace.client, 'sample_sleep', { ms: neighbourMs })));
  await until('RUNNING', neighbours);
  const before = await workerPid();
  const crash = await send(millrace.client, 'sample_crash', { times: 5 });
  const crashedAt = performance.now();
  for (const neighbour of neighbours)
    expect(await ended(neighbour)).toEqual({ status: 'COMPLETED', attempts: 1, error: null });
  expect(performance.now() - crashedAt).toBeLessThan(backMs + neighbourMs);
  expect(await ended(crash)).toMatchObject({ status: 'FAILED', error: { code: 'deaths_exceeded' } });
  const letter = deadLetterSchema.parse(await millrace.client.get(`/v1/dead-letters/${crash}`));
  expect(letter.error_history.map(({ code }) => code)).toEqual([
    'process_died',
    'process_died',
    'process_died',
    'deaths_exceeded',
  ]);
  expect(await workerPid()).not.toBe(before);
  const { asked, failures } = await health.stop();
  expect(asked).toBeGreaterThan(20);
  expect(failures).toEqual([]);
});

test('should show the new worker, not the dead one, and its metrics beside those of the API', async () => {
  const pid = await workerPid();
  await vi.waitFor(async () => {
    const { workers } = workersSchema.parse(await millrace.client.get('/v1/workers'));
    expect(workers).toEqual([{ name: expect.stringMatching(new RegExp(`:${pid}$`)), mode: 'all' }]);
  });
  const page = await (await fetch(`${millrace.url}/metrics`)).text();
  expect(metric(page, 'millrace_worker_up')).toBe(1);
  expect(metric(page, 'millrace_worker_deaths_total')).toBe(1);
  expect(metric(page, 'celery_task_executions_total{task_name="sample_sleep",status="completed"}')).toBe(2);
  expect(metric(page, 'process_resident_memory_bytes')).toBeGreaterThan(0);
  expect(metric(page, 'process_resident_memory_bytes{process="worker"}')).toBeGreaterThan(0);
  const families = page.split('\n').filter((line) => line.startsWith('# TYPE '));
  expect(new Set(families).size).toBe(families.length);
});

test('should end a handler that never yields as TIMED_OUT, not be ready meanwhile, and live on', async () => {
  const health = probe();
  const neighbour = await send(millrace.client, 'sample_sleep', { ms: neighbourMs });
  await until('RUNNING', [neighbour]);
  const stuck = await send(millrace.client, 'sample_stuck', { ms: 600_000 });
  const readyz = async () => (await fetch(`${millrace.url}/readyz`)).status;
  await vi.waitFor(async () => expect(await readyz()).toBe(503), { timeout: 10_000, interval: 50 });
  expect(await ended(stuck)).toMatchObject({ status: 'TIMED_OUT', attempts: 1, error: { code: 'time_limit' } });
  expect(await ended(neighbour)).toMatchObject({ status: 'COMPLETED', attempts: 1 });
  await vi.waitFor(async () => expect(await readyz()).toBe(200), { timeout: 10_000, interval: 50 });
  expect((await health.stop()).failures).toEqual([]);
});

test('should leave no worker behind when it is killed, also one that is busy', async () => {
  await send(millrace.client, 'sample_block', { ms: 600_000 });
  await vi.waitFor(async () => expect((await fetch(`${millrace.url}/readyz`)).status).toBe(503), { timeout: 10_000 });
  const pid = (await workerPid()) ?? 0;
  expect(commandLine(pid)).toContain(millrace.home);
  const exited = once(millrace.child, 'exit');
  millrace.child.kill('SIGKILL');
  await exited;
  await vi.waitFor(() => expect(commandLine(pid)).toBe(''), { timeout: 2000, interval: 20 });
});
