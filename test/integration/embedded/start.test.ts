/** What a person relies on who runs `make up`, stops it in whatever way, and runs it again. */
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiClient } from '../../../worker/cli/http.ts';
import { processLives } from '../../harness/processes.ts';
import { datasetNames, type Ended, redisPid, runToEnd, send, stackTrace, task, Workshop } from './setup.ts';

const lasting = new Workshop();
const workshop = new Workshop();
/** A data folder with one dataset, stopped: what the other tests begin with a copy of. */
let prepared: string;
let first: { output: string; key: string; url: string; code: number | null; redis: number | undefined; task: string };

beforeAll(async () => {
  prepared = await lasting.home();
  const millrace = await lasting.start(prepared);
  await millrace.client.post('/v1/datasets', { name: 'made at first' });
  const redis = await redisPid(prepared);
  const running = await send(millrace.client, 'sample_sleep', { ms: 1500 });
  await untilRunning(millrace.client, running);
  const code = await millrace.stop();
  first = { output: millrace.output(), key: millrace.apiKey, url: millrace.url, code, redis, task: running };
});
afterEach(() => workshop[Symbol.asyncDispose]());
afterAll(() => lasting[Symbol.asyncDispose]());

const untilRunning = (client: ApiClient, id: string) =>
  vi.waitFor(async () => expect((await task(client, id)).status).toBe('RUNNING'), { timeout: 10_000 });

const gone = (pid: number | undefined) =>
  vi.waitFor(() => expect(processLives(pid ?? 0)).toBe(false), { timeout: 10_000, interval: 20 });

describe('the first start', () => {
  test('should say that it is ready, how long it took, where it listens, and the key it made', () => {
    expect(first.output).toMatch(/^Millrace is ready in \d+\.\d s\.$/m);
    expect(first.output).toContain(`  API       ${first.url}  (`);
    expect(first.output).toContain(`  key       ${first.key}, kept in ${join(prepared, 'api-key')}`);
    expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(first.key.length).toBeGreaterThanOrEqual(32);
    expect(first.output.split(first.url)).toHaveLength(2);
    expect(first.output).not.toMatch(stackTrace);
  });

  test('should keep the key, and all else, from others on the machine', async () => {
    expect((await stat(prepared)).mode & 0o777).toBe(0o700);
    for (const file of ['api-key', 'running.json', 'redis/password', 'redis/redis.conf'])
      expect((await stat(join(prepared, file))).mode & 0o777, file).toBe(0o600);
  });

  test('should end with 0 at SIGTERM and leave no process', async () => {
    expect(first.code).toBe(0);
    expect(first.redis).toBeGreaterThan(0);
    await gone(first.redis);
  });
});

test('should find its data at the second start, the task that SIGTERM let finish, and its key, which it does not print again', async () => {
  const millrace = await workshop.start(await workshop.home(prepared));
  expect(await datasetNames(millrace.client)).toEqual(['made at first']);
  expect(millrace.apiKey).toBe(first.key);
  // it ran when the first was asked to end, which let it finish
  expect(await task(millrace.client, first.task)).toEqual({ status: 'COMPLETED', attempts: 1 });
  expect(millrace.output()).not.toContain(first.key);
  expect(Number(/ready in ([\d.]+) s/.exec(millrace.output())?.[1])).toBeLessThan(10);
});

test('should find its data after SIGKILL, end the Redis that was left, and run again what was running', async () => {
  const killed = await workshop.start(await workshop.home(prepared));
  await killed.client.post('/v1/datasets', { name: 'made before the kill' });
  const running = await send(killed.client, 'sample_sleep', { ms: 1000 });
  await untilRunning(killed.client, running);
  const left = (await redisPid(killed.home)) ?? 0;
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  expect(processLives(left)).toBe(true);

  const millrace = await workshop.start(killed.home);
  await gone(left);
  expect(await redisPid(killed.home)).toBeGreaterThan(0);
  expect((await datasetNames(millrace.client)).sort()).toEqual(['made at first', 'made before the kill']);
  expect(await task(millrace.client, running, 20)).toEqual({ status: 'COMPLETED', attempts: 1 });
});

describe('beside one that runs', () => {
  const expectRefused = (ended: Ended, ...says: string[]) => {
    expect(ended.code).toBe(78);
    for (const words of says) expect(ended.stderr).toContain(words);
    expect(ended.stdout + ended.stderr).not.toMatch(stackTrace);
  };

  test('should refuse to start on the same folder, or on the same port from a copy of it, and leave that one alone', async () => {
    const millrace = await workshop.start(await workshop.home(prepared));
    const redis = await redisPid(millrace.home);
    // it has the password and the port of the other's Redis
    const copy = await workshop.home(prepared);
    const [onFolder, onPort] = await Promise.all([
      runToEnd({ MILLRACE_HOME: millrace.home }),
      runToEnd({ MILLRACE_HOME: copy, DIFY_PORT: new URL(millrace.url).port }),
    ]);
    expectRefused(onFolder, 'data_folder_locked', `process ${millrace.child.pid}`, millrace.home, 'MILLRACE_HOME');
    expectRefused(onPort, 'port_taken', new URL(millrace.url).port, 'DIFY_PORT');
    expect(await redisPid(millrace.home)).toBe(redis);
    expect(await task(millrace.client, await send(millrace.client, 'sample_noop', {}), 10)).toMatchObject({
      status: 'COMPLETED',
    });
  });
});

describe('SIGTERM', () => {
  test('should hand back what does not finish in its grace, without counting an attempt', async () => {
    const millrace = await workshop.start(await workshop.home(prepared), { MILLRACE_GRACE_SECONDS: '0' });
    const running = await send(millrace.client, 'sample_sleep', { ms: 600_000 });
    await untilRunning(millrace.client, running);
    expect(await millrace.stop()).toBe(0);

    const again = await workshop.start(millrace.home);
    await vi.waitFor(
      async () => expect(await task(again.client, running)).toEqual({ status: 'RUNNING', attempts: 1 }),
      { timeout: 20_000 },
    );
  });

  test('should end at once when it comes a second time, and still leave no process', async () => {
    const millrace = await workshop.start(await workshop.home(prepared));
    const running = await send(millrace.client, 'sample_sleep', { ms: 600_000 });
    await untilRunning(millrace.client, running);
    const redis = await redisPid(millrace.home);
    const exited = once(millrace.child, 'exit');
    millrace.child.kill('SIGTERM');
    await vi.waitFor(() => expect(millrace.output()).toContain('a second signal ends at once'), { timeout: 10_000 });
    const signalledAt = Date.now();
    millrace.child.kill('SIGTERM');
    expect(await exited).toEqual([1, null]);
    expect(Date.now() - signalledAt).toBeLessThan(3000);
    await gone(redis);
  });
});

test('should start its private Redis again when that is killed, and go on with the tasks', async () => {
  const millrace = await workshop.start(await workshop.home(prepared));
  const before = (await redisPid(millrace.home)) ?? 0;
  process.kill(before, 'SIGKILL');
  await gone(before);
  // accepted while Redis is away: the ledger needs Postgres only
  const accepted = await send(millrace.client, 'sample_noop', {});
  expect(await task(millrace.client, accepted, 30)).toMatchObject({ status: 'COMPLETED' });
  const after = await redisPid(millrace.home);
  expect(after).toBeGreaterThan(0);
  expect(after).not.toBe(before);
  expect(await millrace.stop()).toBe(0);
  await gone(after);
  expect(await readFile(join(millrace.home, 'redis', 'port'), 'utf8')).toMatch(/^\d+\n$/);
});
