/** The window: what stands in Redis is bounded, and tenants are let in by turns. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { QueueName } from '../../../worker/queues.ts';
import { defineTask, type Rate, type RegisteredTask } from '../../../worker/runtime/index.ts';
import { databaseKinds, databaseNames, type TestDatabase } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntimeOptions } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

const queue = 'fast_tasks';
const retry = { retries: 0 };

/** Tasks that note their tenant when they start, and take so long. */
function notedTasks(ms = 5) {
  const started: string[] = [];
  let most = 0;
  const running = new Map<string, number>();
  const handle: RegisteredTask['run'] = async (ctx) => {
    started.push(ctx.tenantId);
    const now = (running.get(ctx.tenantId) ?? 0) + 1;
    running.set(ctx.tenantId, now);
    most = Math.max(most, now);
    await wait(ms);
    running.set(ctx.tenantId, (running.get(ctx.tenantId) ?? 0) - 1);
    return undefined;
  };
  const define = (name: string, tenantIsolated: boolean) =>
    defineTask({ name, queue, retry, tenantIsolated, description: name, payload: z.strictObject({}), handle });
  return {
    tasks: [define('free', false), define('bound', true)],
    /** Tenants in the order in which their tasks began. */
    started,
    mostAtOnce: () => most,
  };
}

describe.each(databaseNames)('on %s', (kind) => {
  let database: TestDatabase;
  let redis: RunningRedis;
  beforeAll(async () => {
    database = await (await databaseKinds[kind]()).open();
    redis = await redisServer.start();
  });
  afterAll(async () => {
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await redis.server.call('flushall');
    await database.db.query('delete from tasks_live');
    // one that takes nothing from the backlog by itself
    await database.db.query('delete from workers');
    await database.db.query(
      `insert into workers (id, name, mode, queues, slots, seen_at)
       values (gen_random_uuid(), 'test', 'worker', array[$1], 1, now() + interval '1 hour')`,
      [queue],
    );
  });

  const start = (options: Partial<TestRuntimeOptions> & Pick<TestRuntimeOptions, 'tasks'>) =>
    startRuntime({ db: database.db, redis, ...options });
  const many = (task: string, tenantId: string, count: number, options = {}) =>
    Array.from({ length: count }, () => ({ task, payload: {}, tenantId, options }));
  const live = async () => {
    const [row] = await database.db.query<{ n: number }>('select count(*)::int as n from tasks_live');
    return row?.n ?? 0;
  };
  const standing = async () => {
    const [row] = await database.db.query<{ n: number }>(
      `select count(*)::int as n from tasks_live where status = 'QUEUED'`,
    );
    return row?.n ?? 0;
  };

  it('should keep no more than the window in Redis, and still run everything', async () => {
    const { tasks, started } = notedTasks();
    await using runtime = start({ tasks, window: { size: 40 } });
    const tenantId = randomUUID();
    await runtime.enqueuer.batch(many('free', tenantId, 600));
    let most = 0;
    await until('all tasks have run', 30_000, async () => {
      const { prioritized = 0, wait: waiting = 0 } = await runtime.broker.counts(queue);
      most = Math.max(most, prioritized + waiting);
      return started.length === 600 && (await live()) === 0;
    });
    expect(most).toBeLessThanOrEqual(40);
  });

  it('should not let two relays fill the same places', async () => {
    const { tasks } = notedTasks();
    const size = 60;
    const options = { tasks, slots: 1, window: { size }, queues: ['heavy_tasks'] as const };
    await using one = start(options);
    await using two = start(options);
    const tenantId = randomUUID();
    await Promise.all([
      one.enqueuer.batch(many('free', tenantId, 300)),
      two.enqueuer.batch(many('free', tenantId, 300)),
    ]);
    await until('the window is full', 10_000, async () => (await standing()) >= (size * 3) / 4);
    // several rounds of both
    for (let round = 0; round < 10; round += 1) {
      expect(await standing()).toBeLessThanOrEqual(size);
      await wait(100);
    }
    expect((await one.broker.counts(queue)).prioritized).toBe(await standing());
  });

  it("should start a tenant's first task after few of another that has thousands waiting", async () => {
    const { tasks, started } = notedTasks();
    const slots = 2;
    await using runtime = start({ tasks, slots, window: { size: 200 } });
    const [crowd, newcomer] = [randomUUID(), randomUUID()];
    for (let batch = 0; batch < 3; batch += 1) await runtime.enqueuer.batch(many('free', crowd, 1000));
    await until('the crowd is at work', 10_000, async () => started.length >= 20);
    const row = await runtime.enqueuer.one({ task: 'free', payload: {}, tenantId: newcomer });
    const before = started.length;
    await runtime.ended(row.id);
    // the slots' own, and those begun while the relay had not looked yet (200 ms, 5 ms each)
    expect(started.indexOf(newcomer) - before).toBeLessThanOrEqual(slots * 60);
    expect(await live()).toBeGreaterThan(1000);
  });

  it('should let a tenant with few in the window in when it is full', async () => {
    const { tasks } = notedTasks();
    await using runtime = start({ tasks, queues: ['heavy_tasks'], window: { size: 20 } });
    const [crowd, newcomer] = [randomUUID(), randomUUID()];
    await runtime.enqueuer.batch(many('free', crowd, 100));
    await until('the window is full', 10_000, async () => (await standing()) === 20);
    const { id } = await runtime.enqueuer.one({ task: 'free', payload: {}, tenantId: newcomer });
    await until('the newcomer is in', 5000, async () => {
      const [row] = await database.db.query<{ status: string }>('select status from tasks where id = $1', [id]);
      return row?.status === 'QUEUED';
    });
    const job = await runtime.broker.queue(queue).getJob(id);
    // priority 5, place 0: beside the crowd's own first
    expect(job?.priority).toBe(800_001);
  });

  it('should let a task of high priority in when the window is full of lower ones, those of the same tenant too', async () => {
    const { tasks } = notedTasks();
    await using runtime = start({ tasks, queues: ['heavy_tasks'], window: { size: 20 } });
    const tenantId = randomUUID();
    await runtime.enqueuer.batch(many('free', tenantId, 100, { priority: 3 }));
    await until('the window is full', 10_000, async () => (await standing()) === 20);
    const urgent = await runtime.enqueuer.batch(many('free', tenantId, 40, { priority: 9 }));
    await until('some of them are in', 5000, async () => (await standing()) >= 28);
    const jobs = await runtime.broker.queue(queue).getPrioritized(0, 7);
    expect(jobs.map(({ id }) => id)).toEqual(urgent.slice(0, 8).map(({ id }) => id));
    // the fast path goes by the last look, and may have let in as many as it would into an empty window
    expect(await standing()).toBeLessThanOrEqual(20 + 8 + 10);
  });

  it('should run no more of a bound task at once than a tenant may, and other tenants beside it', async () => {
    const { tasks, started, mostAtOnce } = notedTasks(150);
    await using runtime = start({ tasks, slots: 8, window: { isolatedPerTenant: 2 } });
    const tenants = [randomUUID(), randomUUID(), randomUUID()];
    await runtime.enqueuer.batch(tenants.flatMap((tenantId) => many('bound', tenantId, 8)));
    await until('all have run', 30_000, async () => started.length === 24 && (await live()) === 0);
    expect(mostAtOnce()).toBe(2);
    // all tenants were at work from the start
    expect(new Set(started.slice(0, 6)).size).toBe(3);
  });

  it('should let higher priorities in first, and start them first', async () => {
    const { tasks } = notedTasks();
    await using runtime = start({ tasks, queues: ['heavy_tasks'], window: { size: 10 } });
    const tenantId = randomUUID();
    await runtime.enqueuer.batch([
      ...many('free', tenantId, 30, { priority: 2 }),
      ...many('free', tenantId, 5, { priority: 9 }),
    ]);
    await until('the window is full', 10_000, async () => (await standing()) >= 10);
    const jobs = await runtime.broker.queue(queue).getPrioritized(0, 4);
    const ofNine = jobs.filter(({ priority }) => priority <= 200_000);
    expect(ofNine).toHaveLength(5);
  });

  it('should start no more tasks of a queue, and of a tenant, than their rates allow', async () => {
    const { tasks, started } = notedTasks();
    const rates = {
      queues: new Map<QueueName, Rate>([[queue, { perSecond: 20 }]]),
      tenants: new Map<QueueName, Rate>([[queue, { perSecond: 8 }]]),
    };
    await using runtime = start({ tasks, slots: 20, window: { rates } });
    const [quick, other] = [randomUUID(), randomUUID()];
    const begunAt = Date.now();
    await runtime.enqueuer.batch([...many('free', quick, 24), ...many('free', other, 8)]);
    await until('the bursts are let in', 5000, async () => started.length >= 16);
    expect(started.filter((tenantId) => tenantId === quick).length).toBeLessThanOrEqual(
      8 + Math.ceil(((Date.now() - begunAt) / 1000) * 8),
    );
    await until('all have run', 15_000, async () => started.length === 32);
    // 24 of the tenant: 8 at once, 16 more at 8 a second
    expect(Date.now() - begunAt).toBeGreaterThanOrEqual(1950);
  });

  it('should leave rows PENDING while Redis is away, and hand them over when it is back', async () => {
    const { tasks } = notedTasks();
    await using runtime = start({ tasks });
    await until('the window is known', 5000, async () => runtime.broker.ready);
    await redis.stop();
    const { id, status } = await runtime.enqueuer.one({ task: 'free', payload: {}, tenantId: randomUUID() });
    expect(status).toBe('PENDING');
    await until('the row is left to the relay', 10_000, async () => {
      const [row] = await database.db.query<{ status: string }>('select status from tasks where id = $1', [id]);
      return row?.status === 'PENDING';
    });
    await redis.startAgain();
    expect(await runtime.ended(id)).toMatchObject({ status: 'COMPLETED' });
  });
});
