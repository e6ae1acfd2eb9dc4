/** The scaling test, on worker processes that a command of the operator's starts and stops. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ScalingReport } from '../../loadtest/scaling/summary.ts';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { openStage, type Stage, type StageProcess } from '../harness/stage.ts';
import { runScalingTest } from './loadtest/run-k6.ts';

const limitSeconds = 600;
const key = 'mr-key-of-the-scaling-test';

const stack = new AsyncDisposableStack();
let stage: Stage;
let folder: string;
/** A command that asks this process for so many workers. */
let command: string;
/** Numbers of workers, as they were asked for. */
const asked: number[] = [];

beforeAll(async () => {
  folder = stack.adopt(await mkdtemp(join(tmpdir(), 'millrace-scaling-')), (path) => rm(path, { recursive: true }));
  const postgres: RunningPostgres = stack.use(await postgresServer.start());
  stage = stack.use(await openStage({ postgres, env: { MILLRACE_API_KEY: key, CELERY_WORKER_AMOUNT: '4' } }));
  await stage.start('api');
  const workers: StageProcess[] = [];
  const scale = async (count: number) => {
    asked.push(count);
    while (workers.length > count) await workers.pop()?.stop();
    workers.push(...(await stage.startWorkers(count - workers.length)));
  };
  await scale(1);
  const server = createServer((request, response) => {
    scale(Number(request.url?.slice(1))).then(
      () => response.end(),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }).listen(0, '127.0.0.1');
  stack.defer(() => {
    server.close();
  });
  await once(server, 'listening');
  command = `curl -sS --fail-with-body -m 120 http://127.0.0.1:${(server.address() as AddressInfo).port}/{n}`;
}, 240_000);
afterAll(() => stack.disposeAsync(), 120_000);

const scaling = (...args: string[]) =>
  runScalingTest(args, { env: { MILLRACE_URL: stage.url, MILLRACE_API_KEY: key, LOADTEST_OUT: folder }, limitSeconds });

it('should see three workers do tasks that wait at least 2.6 times as fast as one', { timeout: 900_000 }, async () => {
  // each slot of three workers is filled six times; next to tasks this long it counts little that a claim takes time on a busy machine
  const size = ['--tasks', '72', '--sleep-ms', '5000'];
  const { code, output } = await scaling('--by', 'command', '--command', command, '--workers', '1,3', ...size);
  expect(code, output).toBe(0);
  const report: ScalingReport = JSON.parse(await readFile(join(folder, 'scaling-by-workers.json'), 'utf8'));
  expect(report.rows.map(({ workers, slots }) => [workers, slots])).toEqual([
    [1, 4],
    [3, 12],
  ]);
  expect(report.rows.map(({ tasks }) => tasks)).toEqual([72, 72]);
  expect(report.rows.at(-1)?.speedup).toBeGreaterThanOrEqual(2.6);
  expect(report.passed).toBe(true);
  expect(output).toContain(await readFile(join(folder, 'scaling-by-workers.txt'), 'utf8'));
  expect(await readFile(join(folder, 'scaling-by-workers.html'), 'utf8')).toContain('stroke-dasharray');
  // and back to the one that was there before
  expect(asked).toEqual([1, 1, 3, 1]);
});

it.each([
  { args: ['--by', 'magic'], code: 2, says: '--by expects compose, stack, command, instead got "magic".' },
  { args: ['--workers', '3,1'], code: 2, says: '--workers expects at least two ascending numbers' },
  { args: ['--by', 'command', '--command', 'true'], code: 2, says: '--by command expects --command with {n} in it.' },
  { args: ['--by', 'command', '--command', 'echo no such luck {n}; exit 3'], code: 1, says: 'no such luck 1' },
])('should say what is wrong with $args', async ({ args, code, says }) => {
  const ended = await scaling(...args);
  expect(ended.output).toContain(says);
  expect(ended.output).not.toMatch(/^\s+at /m);
  expect(ended.code).toBe(code);
});
