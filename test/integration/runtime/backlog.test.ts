/** The backlog: what waits in the ledger alone is taken by workers themselves, and every rule of delivery holds for it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cancelTask, defineTask, setQueuePaused } from '../../../worker/runtime/index.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import { databaseKinds, databaseNames, type TestDatabase } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntimeOptions } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

const queue = 'fast_tasks';
/** What the relay hands over to wake workers that pull. */
const waking = 64;
const log = createLogger({ level: 'fatal', plain: true });

/** A task that notes its starts, and runs until it is let go, and then so long. */
function heldTask(ms = 0) {
  const started: { readonly id: string; readonly tenantId: string }[] = [];
  const gate = Promise.withResolvers<void>();
  const task = defineTask({
    name: 'held',
    queue,
    retry: { retries: 0 },
    description: 'Of a test.',
    payload: z.strictObject({}),
    handle: async (ctx) => {
      started.push({ id: ctx.taskId, tenantId: ctx.tenantId });
      const aborted = Promise.withResolvers<never>();
      ctx.signal.addEventListener('abort', () => aborted.reject(ctx.signal.reason), { once: true });
      await Promise.race([gate.promise, aborted.promise]);
      if (ms > 0) await wait(ms);
    },
  });
  return { task, started, letGo: () => gate.resolve() };
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
    for (const table of ['tasks_live', 'workers', 'queue_states']) await database.db.query(`delete from ${table}`);
  });

  const start = (options: Partial<TestRuntimeOptions> & Pick<TestRuntimeOptions, 'tasks'>) =>
    startRuntime({ db: database.db, redis, listed: true, ...options });
  /** Tasks that stand in the ledger alone, before any worker is there. */
  const backlog = async (count: number, tenantId = randomUUID()): Promise<string> => {
    await database.db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload, due_at)
       select gen_random_uuid(), $1, 'held', $2, '{}', now() - interval '1 second' from generate_series(1, $3)`,
      [tenantId, queue, count],
    );
    return tenantId;
  };
  const inStatus = async (status: string): Promise<number> => {
    const [row] = await database.db.query<{ n: number }>(
      'select count(*)::int as n from tasks_live where status = $1',
      [status],
    );
    return row?.n ?? 0;
  };
  const listed = () => until('the worker is listed', 5000, async () => (await rows('workers')) > 0);
  const rows = async (table: string) => (await database.db.query(`select from ${table}`)).length;

  it('should be worked off once each, while Redis holds few of it', async () => {
    const { task, started, letGo } = heldTask();
    letGo();
    await using runtime = start({ tasks: [task], slots: 8 });
    await listed();
    await backlog(1500);
    let most = 0;
    await until('all have run', 60_000, async () => {
      const { prioritized = 0, wait: waiting = 0 } = await runtime.broker.counts(queue);
      most = Math.max(most, prioritized + waiting);
      return (await rows('tasks_live')) === 0;
    });
    expect(most).toBeLessThanOrEqual(waking);
    expect(started).toHaveLength(1500);
    expect(new Set(started.map(({ id }) => id)).size).toBe(1500);
  });

  it('should be shared by workers, none of which takes more than it has slots', async () => {
    const { task, started, letGo } = heldTask();
    const [one, two] = [{ slots: 3 }, { slots: 5 }];
    await backlog(300);
    await using _one = start({ tasks: [task], ...one });
    await using _two = start({ tasks: [task], ...two });
    await until('all slots are taken', 10_000, async () => started.length === 8);
    // several rounds of their relays
    await wait(600);
    expect(started).toHaveLength(8);
    expect(await inStatus('RUNNING')).toBe(8);
    letGo();
    await until('all have run', 30_000, async () => (await rows('tasks_live')) === 0);
    expect(new Set(started.map(({ id }) => id)).size).toBe(300);
  });

  it("should start a newcomer's first task with the next turns", async () => {
    const taskMs = 20;
    const { task, started, letGo } = heldTask(taskMs);
    letGo();
    const slots = 4;
    await backlog(1000);
    await using _runtime = start({ tasks: [task], slots });
    await until('the crowd is at work', 20_000, async () => started.length >= 100);
    const newcomer = await backlog(1);
    const before = started.length;
    await until('it has started', 10_000, async () => started.some(({ tenantId }) => tenantId === newcomer));
    const between = started.findIndex(({ tenantId }) => tenantId === newcomer) - before;
    // what starts until a relay has looked, each 200 ms and its round, and what it had handed over by then
    expect(between).toBeLessThan((slots * 400) / taskMs + waking);
    expect(await rows('tasks_live')).toBeGreaterThan(0);
  });

  it('should rest while the queue is paused, and go on when it is resumed', async () => {
    const { task, started, letGo } = heldTask();
    await using runtime = start({ tasks: [task], slots: 2 });
    const pause = (paused: boolean) => setQueuePaused({ db: database.db, broker: runtime.broker, log }, queue, paused);
    await runtime.broker.whenReady(20_000);
    await pause(true);
    await backlog(50);
    await wait(600);
    expect(started).toEqual([]);
    await pause(false);
    await until('both slots are taken', 10_000, async () => started.length === 2);
    await pause(true);
    letGo();
    await until('what ran has ended', 10_000, async () => (await inStatus('RUNNING')) === 0);
    const now = started.length;
    await wait(600);
    expect(started).toHaveLength(now);
  });

  it('should be handed back by a worker that stops, without counting an attempt', async () => {
    const { task, started } = heldTask();
    await backlog(20);
    const runtime = start({ tasks: [task], slots: 4 });
    await until('all slots are taken', 10_000, async () => started.length === 4);
    await runtime.drain(0);
    await until('nothing runs', 10_000, async () => (await inStatus('RUNNING')) === 0);
    await runtime[Symbol.asyncDispose]();
    expect(await database.db.query('select distinct attempts, owner from tasks_live')).toEqual([
      { attempts: 0, owner: null },
    ]);
    expect(await rows('tasks_live')).toBe(20);
    const { task: again, started: then, letGo } = heldTask();
    letGo();
    await using _next = start({ tasks: [again], slots: 4 });
    await until('all have run', 20_000, async () => (await rows('tasks_live')) === 0);
    expect(new Set(then.map(({ id }) => id)).size).toBe(20);
  });

  it('should stop within 2 s when it is cancelled, and be listed as running until then', async () => {
    const { task, started, letGo } = heldTask();
    const tenantId = await backlog(3);
    await using runtime = start({ tasks: [task], slots: 1 });
    await until('one runs', 10_000, async () => started.length === 1);
    const [first] = started;
    const running = () => runtime.consumer.running.map(({ id }) => id);
    expect(running()).toEqual([first?.id]);
    expect(await cancelTask(database.db, tenantId, first?.id ?? '', 'enough')).toBe(true);
    await until('the next one runs', 2500, async () => started.length === 2);
    expect(running()).not.toContain(first?.id);
    letGo();
  });

  it('should come through Redis as before while a worker of a former release is among them', async () => {
    const { task, letGo } = heldTask();
    await using runtime = start({ tasks: [task], slots: 1 });
    await listed();
    await database.db.query(
      `insert into workers (id, name, mode, queues, slots) values (gen_random_uuid(), 'old', 'worker', '{${queue}}', 1)`,
    );
    await backlog(500);
    await until('Redis holds more than wakes', 10_000, async () => (await inStatus('QUEUED')) > waking);
    letGo();
    await until('all have run', 30_000, async () => (await rows('tasks_live')) === 0);
    // the last one is acknowledged after its end
    await until('nothing is listed as running', 5000, async () => runtime.consumer.running.length === 0);
  });
});
