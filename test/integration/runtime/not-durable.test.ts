/** What is promised of tasks that are not durable, on each topology, under the user of workers in worker/redis/acl.ts. */
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { queuePrefix } from '../../../worker/queues.ts';
import { noLive, purgeNotDurable } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { topologyNames } from '../../harness/topologies.ts';
import { type NotDurableStage, openNotDurable, queue, request, retryMs } from './not-durable.setup.ts';

const key = `${queuePrefix(queue)}:${queue}`;
/** How late a delayed task may start on a machine that is very busy; at rest it is a few milliseconds. */
const lateMs = 2000;
/** Redis has this long to take a task. */
const refusedWithinMs = 4000;
/** A lock (6 s) and two checks for jobs whose worker is gone. */
const givenOutAgainMs = 20_000;
const child = fileURLToPath(new URL('./not-durable.child.ts', import.meta.url));

describe.each(topologyNames)('tasks that are not durable, through redis as %s', (topology) => {
  let stage: NotDurableStage;
  beforeAll(async () => {
    stage = await openNotDurable(topology);
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  const rows = () => stage.database.db.query('select id from tasks');
  const jobs = async () =>
    Object.values(await stage.runtime.broker.counts(queue)).reduce((sum, count) => sum + count, 0);
  const idle = () => vi.waitFor(() => expect(stage.runtime.consumer.running).toEqual([]), 10_000);

  it('should run it once, keep its result in redis, and write nothing to the ledger', async () => {
    const id = await stage.send('echo', 'hello', { priority: 8 });
    expect(await stage.ended(id)).toMatchObject({
      status: 'COMPLETED',
      result: { text: 'hello', lastAttempt: false },
      attempts: 1,
      priority: 8,
      error: null,
      durable: false,
    });
    expect(stage.runs.of(id)).toHaveLength(1);
    expect(await rows()).toEqual([]);
  });

  it('should try again after the delays of the task, and keep the errors', async () => {
    const id = await stage.send('flaky', '2');
    expect(await stage.ended(id)).toMatchObject({
      status: 'COMPLETED',
      attempts: 3,
      result: { attempt: 2 },
      error: null,
      error_history: [
        { message: 'attempt 0 fails', attempt: 0 },
        { message: 'attempt 1 fails', attempt: 1 },
      ],
    });
    const at = stage.runs.of(id).map((run) => run.at);
    for (const [index, time] of at.slice(1).entries()) {
      const gap = time - (at[index] ?? 0);
      expect(gap).toBeGreaterThanOrEqual(retryMs - 5);
      expect(gap).toBeLessThan(retryMs + lateMs);
    }
  });

  it('should end spent attempts, permanent errors and passed limits for good', async () => {
    const spent = await stage.ended(await stage.send('flaky', '9'));
    expect(spent).toMatchObject({ status: 'FAILED', attempts: 3, error: { message: 'attempt 2 fails', attempt: 2 } });
    const permanent = await stage.ended(await stage.send('hopeless'));
    expect(permanent).toMatchObject({ status: 'FAILED', attempts: 1, error: { code: 'hopeless', attempt: 0 } });
    const [once, always] = [await stage.send('late', '1'), await stage.send('late', '99')];
    const retried = await stage.ended(once);
    expect(retried).toMatchObject({ status: 'COMPLETED', attempts: 2, result: 1 });
    expect(retried.error_history).toMatchObject([{ code: 'time_limit', attempt: 0 }]);
    expect((stage.runs.of(once)[1]?.at ?? 0) - (stage.runs.of(once)[0]?.at ?? 0)).toBeGreaterThanOrEqual(retryMs);
    expect(await stage.ended(always)).toMatchObject({
      status: 'TIMED_OUT',
      attempts: 3,
      error: { code: 'time_limit' },
    });
    const late = await stage.ended(await stage.send('endless'));
    expect(late).toMatchObject({ status: 'TIMED_OUT', attempts: 1, error: { code: 'time_limit' } });
  });

  it('should refuse what the ledger alone can keep: to its handler, to its sender, and in transactions', async () => {
    for (const name of ['effectful', 'external'])
      expect(await stage.ended(await stage.send(name))).toMatchObject({
        status: 'FAILED',
        attempts: 1,
        error: { code: 'durable_only' },
      });
    await expect(stage.send('echo', '', { uniqueKey: 'one' })).rejects.toMatchObject({ code: 'durable_only' });
    await expect(stage.send('isolated')).rejects.toMatchObject({ code: 'durable_only' });
    const inTransaction = stage.database.db.tx((tx) => stage.runtime.enqueuer.leave(tx, [request('echo')]));
    await expect(inTransaction).rejects.toMatchObject({ code: 'durable_only' });
    const within = stage.database.db.tx((tx) => stage.runtime.enqueuer.within(tx, [request('echo')]));
    await expect(within).rejects.toMatchObject({ code: 'durable_only' });
  });

  it('should start what is delayed when it is due', async () => {
    const dueAt = Date.now() + 700;
    const ids = [
      await stage.send('echo', '', { countdownSeconds: 0.7 }),
      await stage.send('echo', '', { eta: new Date(dueAt) }),
    ];
    expect(await stage.read(ids[0] ?? '')).toMatchObject({ status: 'QUEUED', started_at: null });
    for (const id of ids) {
      await stage.ended(id);
      const late = (stage.runs.of(id)[0]?.at ?? 0) - dueAt;
      expect(late).toBeGreaterThanOrEqual(-5);
      expect(late).toBeLessThan(lateMs);
    }
  });

  it('should never start what has expired', async () => {
    const id = await stage.send('echo', '', { countdownSeconds: 0.3, expiresSeconds: 0.1 });
    expect(await stage.ended(id)).toMatchObject({ status: 'EXPIRED', attempts: 0, started_at: null });
    expect(stage.runs.of(id)).toEqual([]);
  });

  it('should start high priorities first, and durable ones in the same order', async () => {
    stage.runs.gate = Promise.withResolvers();
    const held = await stage.send('gated', 'holds the slot');
    await vi.waitFor(() => expect(stage.runtime.consumer.running).toHaveLength(1), 10_000);
    const low = await stage.send('echo', '', { priority: 1 });
    const durable = await stage.runtime.enqueuer.one({
      task: 'echo',
      payload: { text: '' },
      tenantId,
      options: { priority: 5 },
    });
    const high = await stage.send('echo', '', { priority: 9 });
    await vi.waitFor(
      async () => expect(await stage.runtime.broker.counts(queue)).toMatchObject({ prioritized: 3 }),
      5000,
    );
    stage.runs.gate.resolve();
    await Promise.all([held, low, high].map((id) => stage.ended(id)));
    await stage.runtime.ended(durable.id);
    const order = stage.runs.all.map(({ id }) => id).filter((id) => [low, durable.id, high].includes(id));
    expect(order).toEqual([high, durable.id, low]);
  });

  it('should take all of a batch or nothing', async () => {
    const accepted = await stage.runtime.enqueuer.batch(Array.from({ length: 300 }, (_, n) => request('echo', `${n}`)));
    const told = await Promise.all(accepted.map(({ id }) => stage.ended(id, 60_000)));
    expect(told.map((row) => row.result)).toEqual(accepted.map((_, n) => expect.objectContaining({ text: `${n}` })));

    await idle();
    const before = await jobs();
    const master = await stage.servers.master();
    const limitTo = async (room: number) => {
      const used = Number(/used_memory:(\d+)/.exec(String(await master.call('info', 'memory')))?.[1]);
      await master.call('config', 'set', 'maxmemory', used + room);
    };
    const large = (options: object) => Array.from({ length: 1000 }, () => request('echo', 'x'.repeat(2000), options));
    try {
      // room for some of them
      await limitTo(300_000);
      const delayed = stage.runtime.enqueuer.batch(large({ countdownSeconds: 600 }));
      await expect(delayed).rejects.toMatchObject({ code: 'redis_unavailable' });
      expect(await jobs()).toBe(before);
      // room for the call, which Redis counts, and some of them: a script that has begun goes on to its end
      await limitTo(3_500_000);
      const taken = await stage.runtime.enqueuer.batch(large({}));
      await expect(stage.runtime.enqueuer.batch(large({}))).rejects.toMatchObject({ code: 'redis_unavailable' });
      await master.call('config', 'set', 'maxmemory', 0);
      const ends = await Promise.all(taken.map(({ id }) => stage.ended(id, 60_000)));
      expect(ends.filter(({ status }) => status === 'COMPLETED')).toHaveLength(1000);
    } finally {
      await master.call('config', 'set', 'maxmemory', 0);
    }
  });

  it('should refuse a batch of both kinds, and of several queues', async () => {
    const durable = { task: 'echo', payload: { text: '' }, tenantId };
    await expect(stage.runtime.enqueuer.batch([request('echo'), durable])).rejects.toMatchObject({
      code: 'durable_mixed',
    });
    const elsewhere = request('echo', '', { queue: 'dataset' });
    await expect(stage.runtime.enqueuer.batch([request('echo'), elsewhere])).rejects.toMatchObject({
      code: 'queues_mixed',
    });
  });

  it('should not let one stand in the way of a durable task of the same id', async () => {
    const id = await stage.send('echo', 'not durable', { countdownSeconds: 600 });
    await stage.runtime.enqueuer.one({ task: 'echo', payload: { text: 'durable' }, tenantId, options: { taskId: id } });
    expect(await stage.runtime.ended(id, 60_000)).toMatchObject({ status: 'COMPLETED', result: { text: 'durable' } });
  }, 70_000);

  it('should run it again when its worker was killed, and not count that as an attempt', async () => {
    await stage.runtime.drain(1000);
    await stage.stopWorker();
    const doomed = fork(child, [JSON.stringify(stage.asWorker.targets)]);
    try {
      await stage.startWorker({ queues: ['dataset'] });
      const id = await stage.send('held');
      const [held] = await once(doomed, 'message');
      expect(held).toBe(id);
      expect(await stage.read(id)).toMatchObject({ status: 'RUNNING', attempts: 1 });
      doomed.kill('SIGKILL');
      await stage.stopWorker();
      await stage.startWorker();
      expect(await stage.ended(id, givenOutAgainMs)).toMatchObject({
        status: 'COMPLETED',
        attempts: 1,
        deaths: 1,
        result: 'here',
      });
    } finally {
      doomed.kill('SIGKILL');
    }
  }, 60_000);

  it('should give up a task that three processes died of', async () => {
    const id = randomUUID();
    await stage.send('echo', '', { taskId: id, taskIdIsNew: true, countdownSeconds: 0.5 });
    await stage.runtime.broker.connection.hset(`${key}:${id}`, 'stc', 3);
    expect(await stage.ended(id)).toMatchObject({ status: 'FAILED', deaths: 3, error: { code: 'deaths_exceeded' } });
    expect(stage.runs.of(id)).toEqual([]);
  });

  it('should hand back what does not fit the grace period, without counting an attempt', async () => {
    stage.runs.gate = Promise.withResolvers();
    const id = await stage.send('gated', 'handed back');
    await vi.waitFor(() => expect(stage.runs.of(id)).toHaveLength(1), 10_000);
    await stage.runtime.drain(50);
    expect(await stage.read(id)).toMatchObject({ status: 'QUEUED', attempts: 0 });
    await stage.stopWorker();
    stage.runs.gate.resolve();
    await stage.startWorker();
    expect(await stage.ended(id)).toMatchObject({ status: 'COMPLETED', attempts: 1 });
    expect(stage.runs.gatedAttempt).toBe(0);
  }, 30_000);

  it('should say within its bound that redis is away, and go on when it is back', async () => {
    await stage.servers.stop();
    const startedAt = Date.now();
    const purge = purgeNotDurable({ broker: stage.runtime.broker, live: noLive }, queue, tenantId);
    expect(await purge).toEqual({ removed: 0, whole: false });
    await expect(stage.send('echo')).rejects.toMatchObject({ code: 'redis_unavailable' });
    expect(Date.now() - startedAt).toBeLessThan(refusedWithinMs);
    await stage.servers.startAgain();
    const id = await vi.waitFor(() => stage.send('echo', 'back'), 30_000);
    expect(await stage.ended(id, 30_000)).toMatchObject({ status: 'COMPLETED', result: { text: 'back' } });
  }, 100_000);

  it('should say within its bound that redis does not answer, and that the task may run', async () => {
    const master = await stage.servers.master();
    master.freeze();
    const startedAt = Date.now();
    try {
      const refused = stage.send('echo', 'frozen');
      await expect(refused).rejects.toMatchObject({
        code: 'redis_unavailable',
        message: expect.stringContaining('may run'),
      });
      expect(Date.now() - startedAt).toBeLessThan(refusedWithinMs);
    } finally {
      master.thaw();
    }
    const id = await vi.waitFor(() => stage.send('echo', 'thawed'), 30_000);
    expect(await stage.ended(id, 30_000)).toMatchObject({ status: 'COMPLETED' });
  }, 100_000);

  it('should run without the database', async () => {
    await idle();
    await stage.database.db.close();
    const id = await stage.send('flaky', '1');
    await vi.waitFor(
      async () => expect(await stage.read(id)).toMatchObject({ status: 'COMPLETED', attempts: 2 }),
      10_000,
    );
  });
});
