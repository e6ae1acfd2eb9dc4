/** Jobs are added and ended by scripts of ours, many at once: what they leave in Redis is what BullMQ's own leave. */
import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type QueueName, queuePrefix } from '../../../worker/queues.ts';
import { connectRedis, type RedisConnection } from '../../../worker/redis/index.ts';
import { addJobs, Broker, type FetchedJob, type Handover, JobSource, jobOf } from '../../../worker/runtime/index.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { until } from '../../harness/until.ts';

const log = pino({ level: 'silent' });
/** Theirs is filled and emptied by BullMQ's scripts, ours by ours. */
const theirs = 'mail' as const;
const ours = 'plugin' as const;

let redis: RunningRedis;
let connection: RedisConnection;
let broker: Broker;
let sources: Record<'theirs' | 'ours', JobSource>;
beforeAll(async () => {
  redis = await redisServer.start();
  connection = connectRedis(redis.targets.broker, 'consumer', log);
  broker = new Broker(connection, log);
  await broker.whenReady(10_000);
  sources = { theirs: openSource(theirs), ours: openSource(ours) };
});
afterAll(async () => {
  await Promise.all([sources.theirs.close(true), sources.ours.close(true)]);
  await broker.close();
  connection.disconnect();
  await redis[Symbol.asyncDispose]();
});
beforeEach(() => redis.server.call('flushall'));

const openSource = (queue: QueueName) =>
  new JobSource({ queue, connection, workerName: 'w:1', retryDelayMs: () => -1 });

const ids = Array.from({ length: 4 }, () => randomUUID()).sort();
const [first = '', second = '', third = ''] = ids;

const row = (queue: QueueName, id: string, more: Partial<Handover> = {}): Handover => ({
  id,
  epoch: 0,
  name: 'sample_noop',
  queue,
  tenantId: '0190a7c2-0000-7000-8000-000000000002',
  userId: 'u1',
  payload: { text: 'Grüße, "💡"' },
  priority: 5,
  place: 2,
  ...more,
});

/** The same rows in both. */
async function addBoth(...rows: readonly (readonly [string, Partial<Handover>?])[]): Promise<void> {
  const queue = new Queue(theirs, { connection, prefix: queuePrefix(theirs), skipVersionCheck: true });
  try {
    await queue.addBulk(rows.map(([id, more]) => jobOf(row(theirs, id, more))));
  } finally {
    await queue.close();
  }
  const added = rows.map(([id, more]) => row(ours, id, more));
  expect(await broker.add(added)).toEqual(added);
}

/** All that stands in Redis of a queue, without its name, and without times. */
async function contents(queue: QueueName): Promise<Record<string, unknown>> {
  const prefix = `${queuePrefix(queue)}:${queue}:`;
  const keys = (await connection.keys(`${prefix}*`)).sort();
  const values = await Promise.all(keys.map(standing));
  return Object.fromEntries(keys.map((key, index) => [key.slice(prefix.length), values[index]]));
}

async function standing(key: string): Promise<unknown> {
  switch (await connection.type(key)) {
    case 'hash': {
      // which library made the queue, and when a job came and was taken
      const {
        version: _version,
        timestamp: _at,
        processedOn: _on,
        finishedOn: _end,
        ...rest
      } = await connection.hgetall(key);
      return 'opts' in rest ? { ...rest, opts: JSON.parse(rest.opts ?? '') } : rest;
    }
    case 'zset': {
      // the set of ends goes by time
      if (key.endsWith(':completed')) return connection.zrange(key, '0', '-1');
      return connection.zrange(key, '0', '-1', 'WITHSCORES');
    }
    case 'stream':
      return (await connection.xrange(key, '-', '+')).map(([, fields]) => fields);
    case 'list':
      return connection.lrange(key, 0, -1);
    case 'set':
      return (await connection.smembers(key)).sort();
    default:
      return connection.get(key);
  }
}

async function expectSame(): Promise<void> {
  const left = await contents(ours);
  expect(left).toEqual(await contents(theirs));
  expect(Object.keys(left)).not.toEqual([]);
}

/** As BullMQ's worker fetches a job. */
async function fetchByBullmq(token: string): Promise<FetchedJob> {
  const job = await sources.theirs.getNextJob(token, { block: false });
  if (!job) throw new Error('no job waits');
  return job;
}

async function fetchOurs(token: string): Promise<FetchedJob> {
  const [taken] = await sources.ours.fetch([token]);
  if (!taken) throw new Error('no job waits');
  return taken.job;
}

/** Fetches one from each, under the same token. */
async function fetchBoth(token: string) {
  const [his, mine] = await Promise.all([fetchByBullmq(token), fetchOurs(token)]);
  expect(mine.id).toBe(his.id);
  return { his, mine };
}

it('should add a job as BullMQ adds it: its hash, its place, its events, the mark for those who wait', async () => {
  await addBoth([first], [second, { priority: 9, place: 0 }], [third, { userId: undefined, payload: null }]);
  await expectSame();
});

it('should leave a job that stands there already as it is, and add those beside it', async () => {
  await addBoth([third], [third, { payload: 'twice in a call' }]);
  await addBoth([first]);
  await addBoth([first, { payload: 'another' }], [second]);
  await expectSame();
});

it('should wake nobody for a queue that is paused', async () => {
  await broker.setPaused(theirs, true);
  await broker.setPaused(ours, true);
  await addBoth([first]);
  await expectSame();
  expect(Object.keys(await contents(ours))).not.toContain('marker');
});

it('should add in several calls what is too much for one, each job once and in order', async () => {
  const many = Array.from({ length: 250 }, () => row(ours, randomUUID()));
  const large = Array.from({ length: 3 }, () => row(ours, randomUUID(), { payload: 'x'.repeat(700_000) }));
  await broker.add([...many, ...large]);
  const waiting = await connection.zrange(`${queuePrefix(ours)}:${ours}:prioritized`, '0', '-1');
  expect(waiting).toEqual([...many, ...large].map(({ id }) => id));
});

/** As BullMQ's worker ends a job; returns the id of the next. */
async function endByBullmq(job: FetchedJob, token: string, next: boolean): Promise<string | undefined> {
  job.opts.removeOnComplete = true;
  const answer = await job.moveToCompleted('', token, next);
  return Array.isArray(answer) && answer[0] ? String(answer[1]) : undefined;
}

it('should fetch a job as BullMQ does', async () => {
  await addBoth([first], [second]);
  const { his, mine } = await fetchBoth('t:1');
  expect(mine).toMatchObject({ id: first, name: his.name, data: his.data, opts: his.opts, attemptsStarted: 1 });
  await expectSame();
});

it('should fetch as many as wait, those without priority first, and wake whoever waits for more', async () => {
  await broker.add([row(ours, first), row(ours, second)]);
  await broker.queue(ours).add('sample_noop', { payload: {} }, { jobId: 'foreign' });
  const fetched = await sources.ours.fetch(['t:1', 't:2', 't:3', 't:4']);
  expect(fetched.map(({ job, token }) => [job.id, token])).toEqual([
    ['foreign', 't:1'],
    [first, 't:2'],
    [second, 't:3'],
  ]);
  expect(await contents(ours)).toHaveProperty('marker', ['0', '0']);
  expect(await sources.ours.fetch(['t:5'])).toEqual([]);
});

it('should wake others for as long as jobs are left, and nobody for a queue that is empty', async () => {
  await broker.add([first, second, third].map((id) => row(ours, id)));
  const woken = async () => (await connection.del(`${queuePrefix(ours)}:${ours}:marker`)) === 1;
  expect(await woken()).toBe(true);
  const job = await fetchOurs('t:1');
  expect(await woken()).toBe(true);
  const next = await sources.ours.acknowledge(job, 't:1', true);
  expect(await woken()).toBe(true);
  if (next) await sources.ours.acknowledge(next, 't:1', true);
  expect(await woken()).toBe(false);
});

it('should read a job whole whose name, or why it failed before, has a zero byte in it', async () => {
  await broker.queue(ours).addBulk([
    { name: 'zero\0byte', data: { payload: 'one\0two' }, opts: { jobId: 'named' } },
    { name: 'sample_noop', data: { payload: {} }, opts: { jobId: 'failed' } },
  ]);
  await connection.hset(`${queuePrefix(ours)}:${ours}:failed`, 'failedReason', 'cut\0short');
  const named = await fetchOurs('t:1');
  expect(named).toMatchObject({ id: 'named', name: 'zero\0byte', data: { payload: 'one\0two' }, attemptsStarted: 1 });
  const next = await sources.ours.acknowledge(named, 't:1', true);
  expect(next).toMatchObject({ id: 'failed', name: 'sample_noop', failedReason: 'cut\0short', token: 't:1' });
});

it('should take no marker for a job that an old client of BullMQ has left among those without priority', async () => {
  await broker.add([row(ours, first), row(ours, second)]);
  const wait = `${queuePrefix(ours)}:${ours}:wait`;
  await connection.lpush(wait, '0:0');
  const job = await fetchOurs('t:1');
  expect(job.id).toBe(first);
  await connection.lpush(wait, '0:0');
  expect((await sources.ours.acknowledge(job, 't:1', true))?.id).toBe(second);
  expect(await contents(ours)).toMatchObject({ active: [second] });
  expect(Object.keys(await contents(ours)).filter((key) => key.startsWith('0:'))).toEqual([]);
});

it('should fetch none of a paused queue, and have BullMQ see to what is delayed and due', async () => {
  await broker.add([row(ours, first)]);
  await broker.setPaused(ours, true);
  expect(await sources.ours.fetch(['t:1', 't:2'])).toEqual([]);
  await broker.setPaused(ours, false);
  const late = await broker.queue(ours).add('sample_noop', { payload: {} }, { jobId: 'late', delay: 1 });
  await until('its time has come', 5000, async () => late.timestamp + 1 < Date.now());
  expect((await fetchOurs('t:1')).id).toBe('late');
  expect((await fetchOurs('t:2')).id).toBe(first);
});

it('should end a job and give out the next as BullMQ does', async () => {
  await addBoth([first], [second]);
  const { his, mine } = await fetchBoth('t:1');
  expect(await endByBullmq(his, 't:1', true)).toBe(second);
  const next = await sources.ours.acknowledge(mine, 't:1', true);
  expect(next).toMatchObject({ id: second, name: 'sample_noop', data: jobOf(row(ours, second)).data, token: 't:1' });
  await expectSame();
});

it('should keep what a task that is not durable has given, as BullMQ does', async () => {
  const job = (queue: QueueName, id: string) => {
    const meta = { v: 1, origin: 'redis', tenant_id: '0190a7c2-0000-7000-8000-000000000002' } as const;
    const { name, data, opts } = jobOf(row(queue, id));
    const options = { jobId: id, priority: opts.priority, attempts: 4, backoff: { type: 'task_policy' } };
    return { name, data: { ...data, meta }, opts: options };
  };
  await broker.queue(theirs).addBulk([first, second, third].map((id) => job(theirs, id)));
  await addJobs(
    connection,
    ours,
    [first, second, third].map((id) => job(ours, id)),
    { together: true },
  );
  await expectSame();
  const trims = await fetchBoth('t:1');
  // the first end of a process trims, which is left to BullMQ
  await sources.theirs.complete(trims.his, '{"n":1}', 't:1', false);
  await sources.ours.complete(trims.mine, '{"n":1}', 't:1', false);
  const { his, mine } = await fetchBoth('t:2');
  his.opts.removeOnComplete = { count: -1 };
  const answer = await his.moveToCompleted({ text: 'Grüße', none: null }, 't:2', true);
  expect(Array.isArray(answer) && answer[1]).toBe(third);
  const next = await sources.ours.complete(mine, '{"text":"Grüße","none":null}', 't:2', true);
  expect(next?.id).toBe(third);
  await expectSame();
});

it('should say, as BullMQ does, that a queue is drained, and leave nothing of its jobs', async () => {
  await addBoth([first]);
  const { his, mine } = await fetchBoth('t:1');
  expect(await endByBullmq(his, 't:1', true)).toBeUndefined();
  expect(await sources.ours.acknowledge(mine, 't:1', true)).toBeUndefined();
  await expectSame();
  expect(Object.keys(await contents(ours))).not.toContain(first);
});

it('should end a job and let the next wait for who asks, when none is wanted', async () => {
  await addBoth([first], [second]);
  const { his, mine } = await fetchBoth('t:1');
  expect(await endByBullmq(his, 't:1', false)).toBeUndefined();
  expect(await sources.ours.acknowledge(mine, 't:1', false)).toBeUndefined();
  await expectSame();
  expect((await fetchOurs('t:2')).id).toBe(second);
});

it('should give out those without priority first, as BullMQ does', async () => {
  await addBoth([first], [second]);
  const { his, mine } = await fetchBoth('t:1');
  for (const queue of [theirs, ours])
    await broker.queue(queue).add('sample_noop', { payload: {} }, { jobId: 'foreign' });
  expect(await endByBullmq(his, 't:1', true)).toBe('foreign');
  const foreign = await sources.ours.acknowledge(mine, 't:1', true);
  expect(foreign?.id).toBe('foreign');
  await expectSame();
  // by BullMQ's script: nothing of it says that a row stands behind it
  expect(foreign && (await sources.ours.acknowledge(foreign, 't:1', true))?.id).toBe(second);
});

it.each([
  ['is paused', (queue: Queue) => queue.pause()],
  ['takes no more at once', (queue: Queue) => queue.setGlobalConcurrency(1)],
  ['has a limited rate', (queue: Queue) => queue.setGlobalRateLimit(100, 60_000)],
  [
    'has a delayed job whose time has come',
    async (queue: Queue) => {
      await queue.add('sample_noop', {}, { jobId: 'late', delay: 1 });
      await until(
        'its time has come',
        5000,
        async () => ((await queue.getJob('late'))?.timestamp ?? 0) + 1 < Date.now(),
      );
    },
  ],
])('should end a job and give out none where the queue %s: that is for BullMQ to see to', async (_what, make) => {
  await broker.add([row(ours, first), row(ours, second)]);
  const job = await fetchOurs('t:1');
  await make(broker.queue(ours));
  expect(await sources.ours.acknowledge(job, 't:1', true)).toBeUndefined();
  const left = await contents(ours);
  expect(left).not.toHaveProperty(first);
  expect(left).not.toHaveProperty('active');
  expect(left).toHaveProperty(second);
});

it.each([
  ['it is not there', (key: string) => connection.del(key)],
  ['it is not locked', (key: string) => connection.del(`${key}:lock`)],
  ['somebody else has locked it', (key: string) => connection.set(`${key}:lock`, 't:2')],
])('should change nothing and say so when %s', async (reason, make) => {
  await broker.add([row(ours, first), row(ours, second)]);
  const job = await fetchOurs('t:1');
  await make(`${queuePrefix(ours)}:${ours}:${first}`);
  const before = await contents(ours);
  await expect(sources.ours.acknowledge(job, 't:1', true)).rejects.toThrow(reason);
  expect(await contents(ours)).toEqual(before);
});

it('should end many at once, each with another next one, and refuse only what is not held', async () => {
  const rows = Array.from({ length: 30 }, () => row(ours, randomUUID()));
  await broker.add(rows);
  const held = await sources.ours.fetch(rows.slice(0, 10).map((_, index) => `t:${index}`));
  expect(held.map(({ job, token }) => [job.id, token])).toEqual(
    rows.slice(0, 10).map(({ id }, index) => [id, `t:${index}`]),
  );
  const taken = `${queuePrefix(ours)}:${ours}:${held[3]?.job.id}`;
  await connection.set(`${taken}:lock`, 'another');
  const ends = await Promise.allSettled(
    held.map(async ({ job, token }) => (await sources.ours.acknowledge(job, token, true))?.id),
  );
  const next = ends.map((end) => (end.status === 'fulfilled' ? end.value : 'refused'));
  expect(next[3]).toBe('refused');
  const given = next.filter((id) => id !== 'refused');
  expect(given).toEqual(rows.slice(10, 19).map(({ id }) => id));
  const active = await connection.lrange(`${queuePrefix(ours)}:${ours}:active`, 0, -1);
  expect(active.toSorted()).toEqual([...given, held[3]?.job.id].toSorted());
});

it('should send its scripts again to a server that has forgotten them', async () => {
  await broker.add([row(ours, first)]);
  await redis.server.call('script', 'flush');
  await broker.add([row(ours, second)]);
  const job = await fetchOurs('t:1');
  expect((await sources.ours.acknowledge(job, 't:1', true))?.id).toBe(second);
});
