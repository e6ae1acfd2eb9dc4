/** What is promised of tasks that are not durable, on each topology, under the user of workers in worker/redis/acl.ts. */
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { PermanentError } from '../../../worker/errors.ts';
import { queuePrefix } from '../../../worker/queues.ts';
import {
  cancelTask,
  defineTask,
  fixedDelay,
  noLive,
  notDurableDepth,
  purgeNotDurable,
  type TaskOptions,
  type TaskRow,
} from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import type { RedisServers } from '../../harness/redis.ts';
import { createAcl } from '../../harness/redis-acl.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';
import { type RunningTopology, startTopology, topologyNames } from '../../harness/topologies.ts';

const queue = 'fast_tasks' as const;
const key = `${queuePrefix(queue)}:${queue}`;
const retryMs = 300;
/** How late a delayed task may start, on a busy machine. */
const lateMs = 150;
/** Redis has this long to take a task. */
const refusedWithinMs = 4000;
/** A lock (6 s) and two checks for jobs whose worker is gone. */
const givenOutAgainMs = 20_000;
const child = fileURLToPath(new URL('./not-durable.child.ts', import.meta.url));

describe.each(topologyNames)('tasks that are not durable, through redis as %s', (topology) => {
  let servers: RunningTopology;
  let asWorker: Pick<RedisServers, 'targets'>;
  let database: TestDatabase;
  let runtime: TestRuntime;
  /** Runs in their order: which task, and when. */
  const runs: { readonly id: string; readonly at: number; readonly text: string }[] = [];
  let gate = Promise.withResolvers<void>();
  let attemptOf = -1;

  const note = (id: string, text: string) => void runs.push({ id, at: Date.now(), text });
  const runsOf = (id: string) => runs.filter((run) => run.id === id);
  const payload = z.strictObject({ text: z.string() });
  const retry = { retries: 2, delaySeconds: fixedDelay(retryMs / 1000), jitter: 0 };
  const task = (name: string, handle: Parameters<typeof defineTask<typeof payload>>[0]['handle'], more: object = {}) =>
    defineTask({ name, queue, description: 'Of a test.', payload, retry, handle, ...more });

  const tasks = [
    task('echo', async (ctx, { text }) => {
      note(ctx.taskId, text);
      return { text, lastAttempt: ctx.lastAttempt };
    }),
    task('flaky', async (ctx, { text }) => {
      note(ctx.taskId, text);
      if (ctx.attempt < Number(text)) throw new Error(`attempt ${ctx.attempt} fails`);
      return { attempt: ctx.attempt };
    }),
    task('hopeless', async (ctx, { text }) => {
      note(ctx.taskId, text);
      throw new PermanentError({ code: 'hopeless', message: 'No retry mends this.' });
    }),
    task('effectful', async (ctx) => ctx.effect('step', async () => true)),
    task('external', async (ctx) => ctx.external('step', async () => true)),
    task('gated', async (ctx, { text }) => {
      note(ctx.taskId, text);
      attemptOf = ctx.attempt;
      await Promise.race([
        gate.promise,
        new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))),
      ]);
      return text;
    }),
    task('endless', () => new Promise(() => undefined), { timeLimitSeconds: 0.2 }),
    task(
      'late',
      async (ctx, { text }) => {
        note(ctx.taskId, text);
        if (ctx.attempt >= Number(text)) return ctx.attempt;
        return new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)));
      },
      { timeLimitSeconds: 0.2, retry: { ...retry, timeouts: true } },
    ),
    defineTask({
      name: 'held',
      queue,
      description: 'Ends where the process of a test runs it.',
      payload: z.strictObject({}),
      handle: async (ctx) => {
        note(ctx.taskId, 'held');
        return 'here';
      },
    }),
    task('isolated', async () => null, { tenantIsolated: true }),
  ];

  const start = () => startRuntime({ db: database.db, redis: asWorker, tasks, slots: 1 });
  beforeAll(async () => {
    const acl = createAcl();
    servers = await startTopology(topology, undefined, acl);
    asWorker = acl.as('millrace-worker', servers);
    database = await (await databaseKinds.pglite()).open();
    runtime = start();
    await runtime.broker.whenReady(20_000);
  });
  afterAll(async () => {
    await runtime[Symbol.asyncDispose]();
    // a test closed it
    await Promise.resolve(database[Symbol.asyncDispose]()).catch(() => undefined);
    await servers[Symbol.asyncDispose]();
  });

  const request = (name: string, text = '', options: TaskOptions = {}) => ({
    task: name,
    payload: name === 'held' ? {} : { text },
    tenantId,
    options: { ...options, durable: false },
  });
  const send = async (name: string, text = '', options: TaskOptions = {}) =>
    (await runtime.enqueuer.one(request(name, text, options))).id;
  const read = async (id: string) => {
    const row = await runtime.notDurable.read(tenantId, id);
    if (!row) throw new Error(`redis knows no task ${id}`);
    return row;
  };
  const ended = async (id: string, withinMs = 15_000): Promise<TaskRow> => {
    await read(id);
    return runtime.ended(id, withinMs);
  };
  const rows = () => database.db.query('select id from tasks');
  const jobs = async () => Object.values(await runtime.broker.counts(queue)).reduce((sum, count) => sum + count, 0);
  const idle = () => vi.waitFor(() => expect(runtime.consumer.running).toEqual([]), 10_000);

  it('should run it once, keep its result in redis, and write nothing to the ledger', async () => {
    const id = await send('echo', 'hello', { priority: 8 });
    expect(await ended(id)).toMatchObject({
      status: 'COMPLETED',
      result: { text: 'hello', lastAttempt: false },
      attempts: 1,
      priority: 8,
      error: null,
      durable: false,
    });
    expect(runsOf(id)).toHaveLength(1);
    expect(await rows()).toEqual([]);
  });

  it('should try again after the delays of the task, and keep the errors', async () => {
    const id = await send('flaky', '2');
    expect(await ended(id)).toMatchObject({
      status: 'COMPLETED',
      attempts: 3,
      result: { attempt: 2 },
      error: null,
      error_history: [
        { message: 'attempt 0 fails', attempt: 0 },
        { message: 'attempt 1 fails', attempt: 1 },
      ],
    });
    const at = runsOf(id).map((run) => run.at);
    for (const [index, time] of at.slice(1).entries()) {
      const gap = time - (at[index] ?? 0);
      expect(gap).toBeGreaterThanOrEqual(retryMs - 5);
      expect(gap).toBeLessThan(retryMs + lateMs);
    }
  });

  it('should end spent attempts, permanent errors and passed limits for good', async () => {
    const spent = await ended(await send('flaky', '9'));
    expect(spent).toMatchObject({ status: 'FAILED', attempts: 3, error: { message: 'attempt 2 fails', attempt: 2 } });
    const permanent = await ended(await send('hopeless'));
    expect(permanent).toMatchObject({ status: 'FAILED', attempts: 1, error: { code: 'hopeless', attempt: 0 } });
    const [once, always] = [await send('late', '1'), await send('late', '99')];
    const retried = await ended(once);
    expect(retried).toMatchObject({ status: 'COMPLETED', attempts: 2, result: 1 });
    expect(retried.error_history).toMatchObject([{ code: 'time_limit', attempt: 0 }]);
    expect((runsOf(once)[1]?.at ?? 0) - (runsOf(once)[0]?.at ?? 0)).toBeGreaterThanOrEqual(retryMs);
    expect(await ended(always)).toMatchObject({ status: 'TIMED_OUT', attempts: 3, error: { code: 'time_limit' } });
    const late = await ended(await send('endless'));
    expect(late).toMatchObject({ status: 'TIMED_OUT', attempts: 1, error: { code: 'time_limit' } });
  });

  it('should refuse what the ledger alone can keep: to its handler, to its sender, and in transactions', async () => {
    for (const name of ['effectful', 'external'])
      expect(await ended(await send(name))).toMatchObject({
        status: 'FAILED',
        attempts: 1,
        error: { code: 'durable_only' },
      });
    await expect(send('echo', '', { uniqueKey: 'one' })).rejects.toMatchObject({ code: 'durable_only' });
    await expect(send('isolated')).rejects.toMatchObject({ code: 'durable_only' });
    const inTransaction = database.db.tx((tx) => runtime.enqueuer.leave(tx, [request('echo')]));
    await expect(inTransaction).rejects.toMatchObject({ code: 'durable_only' });
    const within = database.db.tx((tx) => runtime.enqueuer.within(tx, [request('echo')]));
    await expect(within).rejects.toMatchObject({ code: 'durable_only' });
  });

  it('should start what is delayed when it is due', async () => {
    const dueAt = Date.now() + 700;
    const ids = [await send('echo', '', { countdownSeconds: 0.7 }), await send('echo', '', { eta: new Date(dueAt) })];
    expect(await read(ids[0] ?? '')).toMatchObject({ status: 'QUEUED', started_at: null });
    for (const id of ids) {
      await ended(id);
      const late = (runsOf(id)[0]?.at ?? 0) - dueAt;
      expect(late).toBeGreaterThanOrEqual(-5);
      expect(late).toBeLessThan(lateMs);
    }
  });

  it('should never start what has expired', async () => {
    const id = await send('echo', '', { countdownSeconds: 0.3, expiresSeconds: 0.1 });
    expect(await ended(id)).toMatchObject({ status: 'EXPIRED', attempts: 0, started_at: null });
    expect(runsOf(id)).toEqual([]);
  });

  it('should start high priorities first, and durable ones in the same order', async () => {
    gate = Promise.withResolvers();
    const held = await send('gated', 'holds the slot');
    await vi.waitFor(() => expect(runtime.consumer.running).toHaveLength(1), 10_000);
    const low = await send('echo', '', { priority: 1 });
    const durable = await runtime.enqueuer.one({
      task: 'echo',
      payload: { text: '' },
      tenantId,
      options: { priority: 5 },
    });
    const high = await send('echo', '', { priority: 9 });
    await vi.waitFor(async () => expect(await runtime.broker.counts(queue)).toMatchObject({ prioritized: 3 }), 5000);
    gate.resolve();
    await Promise.all([held, low, high].map((id) => ended(id)));
    await runtime.ended(durable.id);
    const order = runs.map(({ id }) => id).filter((id) => [low, durable.id, high].includes(id));
    expect(order).toEqual([high, durable.id, low]);
  });

  it('should take all of a batch or nothing', async () => {
    const accepted = await runtime.enqueuer.batch(Array.from({ length: 300 }, (_, n) => request('echo', `${n}`)));
    const told = await Promise.all(accepted.map(({ id }) => ended(id, 60_000)));
    expect(told.map((row) => row.result)).toEqual(accepted.map((_, n) => expect.objectContaining({ text: `${n}` })));

    await idle();
    const before = await jobs();
    const master = await servers.master();
    const used = Number(/used_memory:(\d+)/.exec(String(await master.call('info', 'memory')))?.[1]);
    // room for some of them
    await master.call('config', 'set', 'maxmemory', used + 300_000);
    const large = Array.from({ length: 1000 }, () => request('echo', 'x'.repeat(2000), { countdownSeconds: 600 }));
    try {
      await expect(runtime.enqueuer.batch(large)).rejects.toMatchObject({ code: 'redis_unavailable' });
      expect(await jobs()).toBe(before);
    } finally {
      await master.call('config', 'set', 'maxmemory', 0);
    }
  });

  it('should refuse a batch of both kinds, and of several queues', async () => {
    const durable = { task: 'echo', payload: { text: '' }, tenantId };
    await expect(runtime.enqueuer.batch([request('echo'), durable])).rejects.toMatchObject({ code: 'durable_mixed' });
    const elsewhere = request('echo', '', { queue: 'dataset' });
    await expect(runtime.enqueuer.batch([request('echo'), elsewhere])).rejects.toMatchObject({ code: 'queues_mixed' });
  });

  it('should not let one stand in the way of a durable task of the same id', async () => {
    const id = await send('echo', 'not durable', { countdownSeconds: 600 });
    await runtime.enqueuer.one({ task: 'echo', payload: { text: 'durable' }, tenantId, options: { taskId: id } });
    expect(await runtime.ended(id, 60_000)).toMatchObject({ status: 'COMPLETED', result: { text: 'durable' } });
  }, 70_000);

  it('should run it again when its worker was killed, and not count that as an attempt', async () => {
    await runtime.drain(1000);
    await runtime[Symbol.asyncDispose]();
    const doomed = fork(child, [JSON.stringify(asWorker.targets)]);
    try {
      runtime = startRuntime({ db: database.db, redis: asWorker, tasks, queues: ['dataset'] });
      await runtime.broker.whenReady(20_000);
      const id = await send('held');
      const [held] = await once(doomed, 'message');
      expect(held).toBe(id);
      expect(await read(id)).toMatchObject({ status: 'RUNNING', attempts: 1 });
      doomed.kill('SIGKILL');
      await runtime[Symbol.asyncDispose]();
      runtime = start();
      await runtime.broker.whenReady(20_000);
      expect(await ended(id, givenOutAgainMs)).toMatchObject({
        status: 'COMPLETED',
        attempts: 1,
        deaths: 1,
        result: 'here',
      });
    } finally {
      doomed.kill('SIGKILL');
    }
  }, 60_000);

  it('should be counted by state, and purged by tenant, however many stand before, between and behind', async () => {
    const { broker } = runtime;
    const depth = () => notDurableDepth(broker, 'mail', 0);
    const told: string[] = [];
    const live = {
      publish: ({ taskId }: { readonly taskId: string }) => void told.push(taskId),
      publishLater: () => undefined,
    };
    const other = randomUUID();
    // nobody takes from this queue; the tenants in turn, over more than a page of what Redis is asked at once
    const own: string[] = [];
    for (let batch = 0; batch < 3; batch += 1) {
      const tasks = Array.from({ length: 1000 }, (_, n) => ({
        ...request('echo', 'in the queue', { queue: 'mail', priority: 1 + (n % 9) }),
        ...(n % 2 === 0 && { tenantId: other }),
      }));
      const accepted = await runtime.enqueuer.batch(tasks);
      own.push(...accepted.flatMap(({ id }, n) => (n % 2 === 0 ? [] : [id])));
    }
    for (let n = 0; n < 2; n += 1) own.push(await send('echo', '', { queue: 'mail', countdownSeconds: 600 }));
    const { id: durable } = await runtime.enqueuer.one({
      task: 'echo',
      payload: { text: '' },
      tenantId,
      options: { queue: 'mail' },
    });
    expect(await depth()).toEqual({ waiting: 3000, delayed: 2, running: 0 });
    expect(await purgeNotDurable({ broker, live }, 'mail', tenantId)).toEqual({ removed: own.length, whole: true });
    expect(told.toSorted()).toEqual(own.toSorted());
    expect(await depth()).toEqual({ waiting: 1500, delayed: 0, running: 0 });
    expect(await runtime.notDurable.read(tenantId, own[0] ?? '')).toBeUndefined();
    expect(await broker.missing([{ id: durable, queue: 'mail' }])).toEqual([]);
    await cancelTask(database.db, tenantId, durable, 'the test is over');
    await purgeNotDurable({ broker, live }, 'mail', other);
    expect(await depth()).toEqual({ waiting: 0, delayed: 0, running: 0 });
  }, 120_000);

  it('should leave a running one alone when its queue is purged', async () => {
    gate = Promise.withResolvers();
    const id = await send('gated', 'not purged');
    await vi.waitFor(() => expect(runsOf(id)).toHaveLength(1), 10_000);
    const waiting = await send('echo', 'purged');
    const { broker } = runtime;
    expect(await notDurableDepth(broker, queue, 0)).toMatchObject({ waiting: 1, running: 1 });
    expect(await purgeNotDurable({ broker, live: noLive }, queue, tenantId)).toEqual({ removed: 1, whole: true });
    gate.resolve();
    expect(await ended(id)).toMatchObject({ status: 'COMPLETED' });
    expect(runsOf(waiting)).toEqual([]);
  });

  it('should give up a task that three processes died of', async () => {
    const id = randomUUID();
    await send('echo', '', { taskId: id, taskIdIsNew: true, countdownSeconds: 0.5 });
    await runtime.broker.connection.hset(`${key}:${id}`, 'stc', 3);
    expect(await ended(id)).toMatchObject({ status: 'FAILED', deaths: 3, error: { code: 'deaths_exceeded' } });
    expect(runsOf(id)).toEqual([]);
  });

  it('should hand back what does not fit the grace period, without counting an attempt', async () => {
    gate = Promise.withResolvers();
    const id = await send('gated', 'handed back');
    await vi.waitFor(() => expect(runsOf(id)).toHaveLength(1), 10_000);
    await runtime.drain(50);
    expect(await read(id)).toMatchObject({ status: 'QUEUED', attempts: 0 });
    await runtime[Symbol.asyncDispose]();
    gate.resolve();
    runtime = start();
    await runtime.broker.whenReady(20_000);
    expect(await ended(id)).toMatchObject({ status: 'COMPLETED', attempts: 1 });
    expect(attemptOf).toBe(0);
  }, 30_000);

  it('should say within its bound that redis is away, and go on when it is back', async () => {
    await servers.stop();
    const startedAt = Date.now();
    const purge = purgeNotDurable({ broker: runtime.broker, live: noLive }, queue, tenantId);
    expect(await purge).toEqual({ removed: 0, whole: false });
    await expect(send('echo')).rejects.toMatchObject({ code: 'redis_unavailable' });
    expect(Date.now() - startedAt).toBeLessThan(refusedWithinMs);
    await servers.startAgain();
    const id = await vi.waitFor(() => send('echo', 'back'), 30_000);
    expect(await ended(id, 30_000)).toMatchObject({ status: 'COMPLETED', result: { text: 'back' } });
  }, 100_000);

  it('should say within its bound that redis does not answer, and that the task may run', async () => {
    const master = await servers.master();
    master.freeze();
    const startedAt = Date.now();
    try {
      const refused = send('echo', 'frozen');
      await expect(refused).rejects.toMatchObject({
        code: 'redis_unavailable',
        message: expect.stringContaining('may run'),
      });
      expect(Date.now() - startedAt).toBeLessThan(refusedWithinMs);
    } finally {
      master.thaw();
    }
    const id = await vi.waitFor(() => send('echo', 'thawed'), 30_000);
    expect(await ended(id, 30_000)).toMatchObject({ status: 'COMPLETED' });
  }, 100_000);

  it('should run without the database', async () => {
    await idle();
    await database.db.close();
    const id = await send('flaky', '1');
    await vi.waitFor(async () => expect(await read(id)).toMatchObject({ status: 'COMPLETED', attempts: 2 }), 10_000);
  });
});
