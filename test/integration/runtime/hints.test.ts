/** BullMQ's jobs, locks and answers are hints: what becomes of a task when they and the ledger say different things. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database, Row, SqlValue } from '../../../worker/db/index.ts';
import { queuePrefix } from '../../../worker/queues.ts';
import { defineTask, fixedDelay, JobSource } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime, type TestRuntimeOptions } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

const queue = 'fast_tasks' as const;
const withinMs = 10_000;
/** Too short for the reconciler, whose grace is 3 s. */
const soonMs = 2500;
/** Locks are renewed every 2 s. */
const renewalMs = 2200;

let database: TestDatabase;
let redis: RunningRedis;
beforeAll(async () => {
  [database, redis] = await Promise.all([(await databaseKinds.pglite()).open(), redisServer.start()]);
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await redis.server.call('flushall');
  await database.db.query('delete from tasks_live');
});

/** Tasks that note their runs; `held` ones go on when they are let, or told to stop. */
function notedTasks() {
  const runs: string[] = [];
  const gate = Promise.withResolvers<void>();
  const define = (name: string, handle: (attempt: number, signal: AbortSignal) => Promise<void>) =>
    defineTask({
      name,
      queue,
      retry: { retries: 1, delaySeconds: fixedDelay(0), jitter: 0 },
      description: 'Of a test.',
      payload: z.strictObject({}),
      handle: async (ctx) => {
        runs.push(ctx.taskId);
        await handle(ctx.attempt, ctx.signal);
        return undefined;
      },
    });
  const stopped = (signal: AbortSignal) =>
    new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const tasks = [
    define('passes', async () => undefined),
    define('held', (_attempt, signal) => Promise.race([gate.promise, stopped(signal)])),
    define('stumbles', async (attempt) => {
      if (attempt === 0) throw new Error('fails once, on purpose');
    }),
  ];
  return { tasks, runs, gate };
}

/** Whose work all comes as jobs: what becomes of those is what this is about. */
const start = (options: Pick<TestRuntimeOptions, 'tasks'> & Partial<TestRuntimeOptions>) =>
  startRuntime({ db: database.db, redis, pulls: false, ...options });
const send = async (runtime: TestRuntime, task: string) =>
  (await runtime.enqueuer.one({ task, payload: {}, tenantId })).id;
const dropped = async ({ metrics }: TestRuntime) =>
  (await metrics.getSingleMetric('millrace_jobs_dropped_total')?.get())?.values[0]?.value ?? 0;
const statusOf = async (id: string) =>
  (await database.db.query<{ status: string }>('select status from tasks where id = $1', [id]))[0]?.status;
const stands = async ({ broker }: TestRuntime, id: string) =>
  (await broker.connection.exists(`${queuePrefix(queue)}:${queue}:${id}`)) === 1;

it('should leave retries and stalled jobs to the ledger, and find a Redis that is back within a second', async () => {
  const opened: JobSource[] = [];
  const openSource = (options: ConstructorParameters<typeof JobSource>[0]) => {
    const source = new JobSource(options);
    opened.push(source);
    return source;
  };
  await using _runtime = start({ tasks: notedTasks().tasks, consumer: { openSource } });
  expect(opened[0]?.opts.maxStalledCount).toBeGreaterThanOrEqual(1_000_000);
  expect(opened[0]?.opts.runRetryDelay).toBeLessThanOrEqual(1000);
});

it('should let a run go on whose lock is lost, and drop and count its job when it is given out again', async () => {
  const { tasks, runs, gate } = notedTasks();
  await using runtime = start({ tasks });
  const id = await send(runtime, 'held');
  await until('it runs', withinMs, async () => runs.length === 1);
  await runtime.broker.declareStalled();
  const from = performance.now();
  await until('its job was dropped', withinMs, async () => (await dropped(runtime)) === 1);
  // by then a renewal of its lock was refused
  await wait(Math.max(0, from + renewalMs - performance.now()));
  gate.resolve();
  expect(await runtime.ended(id)).toMatchObject({ status: 'COMPLETED', attempts: 1, epoch: 1 });
  expect(runs).toEqual([id]);
});

it('should take nothing over whose lease lapsed while the database was away: its worker gets the time to renew', async () => {
  const { tasks, runs } = notedTasks();
  let outages = 0;
  const db: Database = {
    ...database.db,
    query: async <R extends Row>(text: string, params?: readonly SqlValue[]) => {
      if (outages === 0 && text.includes(`set status = 'RUNNING'`)) {
        outages += 1;
        // somebody else has begun it and could not renew
        await database.db.query(
          `update tasks_live set status = 'RUNNING', owner = gen_random_uuid(), epoch = 5, lease_until = now() where id = any ($1::uuid[])`,
          [params?.[2] ?? null],
        );
        throw Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' });
      }
      return database.db.query<R>(text, params);
    },
  };
  await using runtime = start({ db, tasks });
  const id = await send(runtime, 'passes');
  await until('its job was dropped', withinMs, async () => (await dropped(runtime)) === 1);
  const [row] = await database.db.query('select status, epoch from tasks where id = $1', [id]);
  expect([row, runs]).toEqual([{ status: 'RUNNING', epoch: 5 }, []]);
});

it('should tell BullMQ of an end once it is committed, not before', async () => {
  const { tasks } = notedTasks();
  const writes = Promise.withResolvers<void>();
  const commit = Promise.withResolvers<void>();
  const db: Database = {
    ...database.db,
    query: async <R extends Row>(text: string, params?: readonly SqlValue[]) => {
      if (text.includes(`'COMPLETED'`)) {
        writes.resolve();
        await commit.promise;
      }
      return database.db.query<R>(text, params);
    },
  };
  await using runtime = start({ db, tasks });
  const id = await send(runtime, 'passes');
  await writes.promise;
  await wait(300);
  const seen = [await stands(runtime, id), await statusOf(id)];
  commit.resolve();
  expect(seen).toEqual([true, 'RUNNING']);
  expect(await runtime.ended(id)).toMatchObject({ status: 'COMPLETED' });
  await until('its job is gone', withinMs, async () => !(await stands(runtime, id)));
});

it('should hand a retry over anew that the relay added while its old job stood, and not wait for the reconciler', async () => {
  const { tasks } = notedTasks();
  const acknowledgedAt = Promise.withResolvers<number>();
  class LateSource extends JobSource {
    override async acknowledge(...args: Parameters<JobSource['acknowledge']>) {
      const id = args[0].id ?? '';
      await until('the relay has added it', withinMs, async () => (await statusOf(id)) !== 'RETRYING');
      acknowledgedAt.resolve(performance.now());
      return super.acknowledge(...args);
    }
  }
  await using runtime = start({ tasks, consumer: { openSource: (options) => new LateSource(options) } });
  const id = await send(runtime, 'stumbles');
  const from = await acknowledgedAt.promise;
  expect(await runtime.ended(id)).toMatchObject({ status: 'COMPLETED', attempts: 2 });
  expect(performance.now() - from).toBeLessThan(soonMs);
});

it('should fetch no job before there is a slot for it', async () => {
  const { tasks, runs, gate } = notedTasks();
  await using runtime = start({ tasks, slots: 1, queues: [queue, 'heavy_tasks'] });
  const ids = [await send(runtime, 'held'), await send(runtime, 'held')];
  await until('one runs', withinMs, async () => runs.length === 1);
  await wait(300);
  const counts = await runtime.broker.counts(queue);
  gate.resolve();
  expect(counts).toMatchObject({ active: 1, prioritized: 1 });
  for (const id of ids) expect(await runtime.ended(id)).toMatchObject({ status: 'COMPLETED' });
});

it('should drop and count a job that says that a row stands behind it, and none does', async () => {
  const { tasks, runs } = notedTasks();
  await using runtime = start({ tasks });
  const id = randomUUID();
  await runtime.broker.whenReady(withinMs);
  const meta = { v: 1, origin: 'ledger', tenant_id: tenantId } as const;
  await runtime.broker.queue(queue).add('passes', { payload: {}, meta }, { jobId: id });
  await until('it was dropped', withinMs, async () => (await dropped(runtime)) === 1);
  expect([await statusOf(id), runs]).toEqual([undefined, []]);
  await until('it is gone', withinMs, async () => !(await stands(runtime, id)));
});
