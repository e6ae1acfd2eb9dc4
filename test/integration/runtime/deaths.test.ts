import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { WorkerClass } from '../../../worker/config/config.ts';
import type { Database } from '../../../worker/db/index.ts';
import { cancelTask, readTask, retryDeadLetters } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { type DatabaseAddress, databaseVariables } from '../../harness/database-address.ts';
import { type DatabaseKind, databaseKinds, databaseNames, type TestDatabase } from '../../harness/databases.ts';
import { openEnqueuer, type TestEnqueuer } from '../../harness/enqueuer.ts';
import { executionTasks } from '../../harness/execution-tasks.ts';
import { hearEvents } from '../../harness/live-hub.ts';
import { startMillrace } from '../../harness/millrace-process.ts';
import { endProcess } from '../../harness/processes.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

/** Fields of /proc/<pid>/stat after the name, which may hold blanks. */
const statOf = async (pid: number) =>
  (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ').at(-1)?.split(' ') ?? [];
const ticksPerSecond = 100;
const processorSeconds = async (pid: number) => {
  const stat = await statOf(pid);
  return (Number(stat[11]) + Number(stat[12])) / ticksPerSecond;
};
/** Not gone, and no zombie that only waits for somebody to take note. */
const isRunning = async (pid: number) => {
  try {
    return !['Z', 'X'].includes((await statOf(pid))[0] ?? 'X');
  } catch {
    return false;
  }
};

/** A lease, a sweep, and what the child takes. */
const takeoverMs = 45_000;
const longMs = 120_000;

describe('processes that die', () => {
  let server: DatabaseKind;
  let database: TestDatabase;
  let address: DatabaseAddress;
  let db: Database;
  let redis: RunningRedis;
  let producer: TestEnqueuer;

  beforeAll(async () => {
    server = await databaseKinds.postgres();
    database = await server.open();
    db = database.db;
    if (!database.address) throw new Error('a server has an address');
    address = database.address;
    redis = await redisServer.start();
    producer = openEnqueuer(db, redis, [...sampleTasks, ...executionTasks]);
  });
  afterAll(async () => {
    await producer[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const env = (queues: string) => ({
    MODE: 'worker',
    ...databaseVariables(address),
    REDIS_HOST: redis.host,
    REDIS_PORT: String(redis.port),
    REDIS_PASSWORD: redis.password,
    MILLRACE_SAMPLE_TASKS: 'true',
    MILLRACE_GRACE_SECONDS: '2',
    CELERY_QUEUES: queues,
  });
  const statusOf = async (id: string) => (await readTask(db, tenantId, id))?.status;

  it('should charge a task that kills its process with the deaths of its own children only, and finish its neighbours', {
    timeout: longMs,
  }, async () => {
    const send = async (queue: 'fast_tasks' | 'heavy_tasks', task: string, payload: { [key: string]: number }) =>
      (await producer.enqueuer.one({ task, payload, tenantId, options: { queue } })).id;

    const workers = [await startMillrace(env('fast_tasks')), await startMillrace(env('heavy_tasks'))];
    const died = Promise.all(workers.map(({ child }) => once(child, 'exit')));
    const neighbours = await Promise.all([
      send('fast_tasks', 'sample_sleep', { ms: 4000 }),
      send('fast_tasks', 'sample_sleep', { ms: 4000 }),
      send('heavy_tasks', 'sample_sleep', { ms: 4000 }),
    ]);
    await until('the neighbours run', 10_000, async () =>
      (await Promise.all(neighbours.map(statusOf))).every((status) => status === 'RUNNING'),
    );
    const twice = await send('fast_tasks', 'sample_crash', { times: 2 });
    const often = await send('heavy_tasks', 'sample_crash', { times: 5 });
    await died;
    const before = performance.now();
    await using _next = await startMillrace(env('fast_tasks,heavy_tasks'));
    // a takeover raises the epoch, the next claim raises it again
    await until('the neighbours are taken up again', takeoverMs, async () => {
      const rows = await Promise.all(neighbours.map((id) => readTask(db, tenantId, id)));
      return rows.every((row) => (row?.epoch ?? 0) >= 3);
    });
    expect(performance.now() - before).toBeLessThan(takeoverMs);
    for (const id of neighbours)
      expect(await producer.ended(id, 30_000)).toMatchObject({ status: 'COMPLETED', deaths: 0, attempts: 1 });
    expect(await producer.ended(twice, takeoverMs)).toMatchObject({ status: 'COMPLETED', deaths: 1, attempts: 1 });
    const row = await producer.ended(often, takeoverMs);
    expect(row).toMatchObject({ status: 'FAILED', deaths: 3, dead_letter: true, error: { code: 'deaths_exceeded' } });
    expect(row.error_history.map(({ code }) => code)).toEqual([
      'process_died',
      'process_died',
      'process_died',
      'deaths_exceeded',
    ]);
    expect(row.error?.message).toContain('SIGKILL');
  });

  it('should end a handler that never yields as TIMED_OUT, and with it its process', { timeout: longMs }, async () => {
    const { ended, child } = await startWorker();
    await using heard = await hearEvents({ db, redis, notDurable: producer.notDurable }, tenantId);
    const { id } = await producer.enqueuer.one({ task: 'busy', payload: {}, tenantId });
    const row = await producer.ended(id, 20_000);
    expect(row).toMatchObject({ status: 'TIMED_OUT', attempts: 1, error: { code: 'time_limit', attempt: 0 } });
    expect(await ended).toBe('SIGKILL');
    expect(await heard.end(id)).toMatchObject({ status: 'TIMED_OUT', epoch: row.epoch, error: { code: 'time_limit' } });
    expect(child.signalCode).toBe('SIGKILL');
  });

  it('should try it again, alone in a child, when its policy retries what was over its time limit', {
    timeout: longMs,
  }, async () => {
    const first = await startWorker();
    const { id } = await producer.enqueuer.one({ task: 'late_once', payload: { how: 'busy' }, tenantId });
    expect(await first.ended).toBe('SIGKILL');
    expect(await readTask(db, tenantId, id)).toMatchObject({ attempts: 1, deaths: 0, error: { code: 'time_limit' } });
    const second = await startWorker();
    expect(await producer.ended(id, 30_000)).toMatchObject({ status: 'COMPLETED', attempts: 2, deaths: 0 });
    await second.stop();
  });

  it('should drain a worker whose handler does not end although its time is over, and exit with 75', {
    timeout: longMs,
  }, async () => {
    const worker = await startMillrace(env('fast_tasks'));
    const exited = once(worker.child, 'exit');
    const send = async (task: string) => (await producer.enqueuer.one({ task, payload: { ms: 600_000 }, tenantId })).id;
    const [deaf, other] = [await send('sample_deaf'), await send('sample_sleep')];
    expect(await producer.ended(deaf, 20_000)).toMatchObject({ status: 'TIMED_OUT', error: { code: 'time_limit' } });
    expect(await exited).toEqual([75, null]);
    expect(await readTask(db, tenantId, other)).toMatchObject({ attempts: 0, deaths: 0, worker: null });
    expect(worker.log()).toContain('a handler of sample_deaf does not end');
  });

  it('should drain a worker that holds more memory than it may, and exit with 75', { timeout: longMs }, async () => {
    // less than it holds once it has run something
    const worker = await startMillrace({ ...env('fast_tasks'), MILLRACE_MAX_MEMORY_PER_CHILD: '128' });
    const exited = once(worker.child, 'exit');
    const noops = Array.from({ length: 1000 }, () => ({ task: 'sample_noop', payload: {}, tenantId }));
    for (const batch of [noops, noops]) await producer.enqueuer.batch(batch);
    const { id } = await producer.enqueuer.one({ task: 'sample_sleep', payload: { ms: 600_000 }, tenantId });
    expect(await exited).toEqual([75, null]);
    expect(await readTask(db, tenantId, id)).toMatchObject({ attempts: 0, deaths: 0, worker: null });
    expect(worker.log()).toMatch(/it holds \d+ MB, more than MILLRACE_MAX_MEMORY_PER_CHILD \(128\)/);
  });

  it('should leave no child behind when its worker is killed, not even a busy one', { timeout: longMs }, async () => {
    const worker = await startWorker('prefork');
    const { id } = await producer.enqueuer.one({ task: 'spins', payload: {}, tenantId });
    let pid = 0;
    await until('its progress', 20_000, async () => {
      const progress = (await readTask(db, tenantId, id))?.progress;
      pid = z.object({ pid: z.int() }).parse(progress).pid;
      return true;
    });
    await until('it spins', 10_000, async () => (await processorSeconds(pid)) > 1);
    await worker.stop();
    await until('the child is gone', 5000, async () => !(await isRunning(pid)));
    await cancelTask(db, tenantId, id, 'the test is over');
  });

  /** A worker with the tasks of execution. */
  async function startWorker(workerClass: WorkerClass = 'async') {
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('../../harness/execution-worker.ts', import.meta.url))],
      {
        env: {
          ...process.env,
          TEST_SETUP: JSON.stringify({
            redis: redis.targets,
            workerClass,
            database: {
              ...address,
              poolMax: 5,
              acquireTimeoutMs: 10_000,
              recycleSeconds: 3600,
              statementTimeoutMs: 30_000,
            },
          }),
        },
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const ended = once(child, 'exit').then(([code, signal]) => String(code ?? signal));
    await once(createInterface(child.stdout), 'line');
    return { child, ended, stop: () => endProcess(child, 'SIGKILL', 5000) };
  }
});

describe.each(databaseNames)('suspects on %s', (kind) => {
  let server: DatabaseKind;
  let database: TestDatabase;
  let redis: RunningRedis;

  beforeAll(async () => {
    server = await databaseKinds[kind]();
    database = await server.open();
    redis = await redisServer.start();
    process.env.TEST_HOST_DATABASE = JSON.stringify(database.address ?? {});
  });
  afterAll(async () => {
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const startHere = (slots = 4) =>
    startRuntime({
      db: database.db,
      redis,
      tasks: executionTasks,
      slots,
      hosts: { entry: new URL('../../harness/task-host.ts', import.meta.url), maxTasks: 50, maxMemoryMib: 300 },
    });

  /** A row as a process leaves it that died with it. */
  const left = async (runtime: TestRuntime, task: string, payload: { [key: string]: number }) => {
    const { id } = await runtime.enqueuer.one({ task, payload, tenantId, options: { countdownSeconds: 3600 } });
    await database.db.query(
      `update tasks_live set status = 'RUNNING', owner = gen_random_uuid(), epoch = 1, attempts = 1, due_at = now(),
              lease_until = now() - interval '1 second' where id = $1`,
      [id],
    );
    return id;
  };

  it('should run alone in a child what ran when its process died, with effects once and its deaths counted', async () => {
    const { db } = database;
    await using runtime = startHere();
    await using heard = await hearEvents({ db, redis, notDurable: runtime.notDurable }, tenantId);
    const ids = await Promise.all([
      left(runtime, 'where', {}),
      left(runtime, 'effects', {}),
      left(runtime, 'exits', { times: 2 }),
      left(runtime, 'exits', { times: 9 }),
    ]);
    const [where, effects, survivor, hopeless] = await Promise.all(ids.map((id) => runtime.ended(id, 55_000)));
    expect(where).toMatchObject({ status: 'COMPLETED', deaths: 0, attempts: 1 });
    expect(where?.result).not.toMatchObject({ pid: process.pid });
    expect(effects).toMatchObject({ status: 'COMPLETED', attempts: 2 });
    const [count] = await db.query<{ n: number }>('select count(*)::int as n from sample_effects where task_id = $1', [
      effects?.id ?? '',
    ]);
    expect(count?.n).toBe(1);
    expect(survivor).toMatchObject({ status: 'COMPLETED', deaths: 2, attempts: 1 });
    expect(hopeless).toMatchObject({ status: 'FAILED', deaths: 3, error: { code: 'deaths_exceeded' } });
    expect(await heard.end(hopeless?.id ?? '')).toMatchObject({ status: 'FAILED', error: { code: 'deaths_exceeded' } });
    // its dead letter does not come back to the loop
    await db.tx((tx) => retryDeadLetters(tx, tenantId, { id: hopeless?.id }, 1));
    await until(
      'it lives again',
      5000,
      async () => (await readTask(db, tenantId, hopeless?.id ?? ''))?.status !== 'FAILED',
    );
    expect(await runtime.ended(hopeless?.id ?? '', 55_000)).toMatchObject({ status: 'FAILED', deaths: 3 });
  });

  it('should run a few suspects at once and let the others wait outside, without an attempt', async () => {
    await using runtime = startHere(20);
    const ids = await Promise.all(Array.from({ length: 12 }, () => left(runtime, 'lingers', {})));
    const rows = await Promise.all(ids.map((id) => runtime.ended(id, 55_000)));
    expect(rows.filter(({ status, attempts }) => status === 'COMPLETED' && attempts === 1)).toHaveLength(12);
    // each of them held its child for a moment
    const places = new Set(rows.map(({ result }) => JSON.stringify(result)));
    expect(places.size).toBeLessThanOrEqual(4);
    expect(rows.some(({ epoch }) => epoch > 3)).toBe(true);
  });
});
