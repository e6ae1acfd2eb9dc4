/** The users of Redis on real servers of each topology: the work is done under them, and each is refused what is not its own. */
import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { queuePrefix } from '../../../worker/queues.ts';
import { type AclUserName, aclUserNames, aclUsers, connectRedis } from '../../../worker/redis/index.ts';
import {
  createLiveMetrics,
  defineTask,
  fixedDelay,
  JobSource,
  LiveHub,
  LivePublisher,
  LiveReader,
  publishStates,
  setQueuePaused,
  type TaskOptions,
} from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { openEnqueuer, type TestEnqueuer } from '../../harness/enqueuer.ts';
import { createAcl } from '../../harness/redis-acl.ts';
import { masterName } from '../../harness/redis-sentinel.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';
import { type RunningTopology, startTopology, type TopologyName, topologyNames } from '../../harness/topologies.ts';
import { answerOf, answers, fieldsOf, foreign, hidden, keyOf, ofOperators, ownKeys, refusedBy } from './acl-probes.ts';

const queue = 'fast_tasks' as const;
const batchSize = 100;
const endedMs = 20_000;
const log = pino({ level: 'silent' });

const ready = ['ready', 'ready', 'ready'];
const users = { api: 'millrace-api', worker: 'millrace-worker', producer: 'millrace-producer' } as const;

const acl = createAcl();
const started = new Map<TopologyName, RunningTopology>();
let database: TestDatabase;

// side by side: forming them is mostly waiting
beforeAll(async () => {
  const starting = topologyNames.map(async (name) => started.set(name, await startTopology(name, undefined, acl)));
  database = await (await databaseKinds.pglite()).open();
  await Promise.all(starting);
});
afterAll(async () => {
  for (const servers of started.values()) await servers[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

describe.each(topologyNames)('users of redis as %s', (topology) => {
  let servers: RunningTopology;
  let worker: TestRuntime;
  let api: TestEnqueuer;
  let gate = Promise.withResolvers<void>();
  const entered: string[] = [];

  const payload = z.strictObject({ times: z.int().optional() });
  const task = (
    name: string,
    delaySeconds: number,
    handle: Parameters<typeof defineTask<typeof payload>>[0]['handle'],
  ) =>
    defineTask({
      name,
      queue,
      description: 'Of a test.',
      payload,
      retry: { retries: 2, delaySeconds: fixedDelay(delaySeconds), jitter: 0 },
      handle,
    });
  const failing: Parameters<typeof task>[2] = async (ctx, { times = 0 }) => {
    await ctx.progress({ attempt: ctx.attempt });
    if (ctx.attempt < times) throw new Error(`attempt ${ctx.attempt} fails`);
    return { attempt: ctx.attempt };
  };
  const tasks = [
    task('delayed', 0.05, failing),
    task('at_once', 0, failing),
    task('gated', 0, async (ctx) => {
      entered.push(ctx.taskId);
      await Promise.race([
        gate.promise,
        new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))),
      ]);
      return null;
    }),
  ];
  const as = (user: AclUserName) => acl.as(user, servers);
  const startWorker = () => startRuntime({ db: database.db, redis: as(users.worker), tasks });

  beforeAll(async () => {
    servers = started.get(topology) ?? (await startTopology(topology, undefined, acl));
    worker = startWorker();
    api = openEnqueuer(database.db, as(users.api), tasks);
    await Promise.all([worker.broker.whenReady(endedMs), api.broker.whenReady(endedMs)]);
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await worker[Symbol.asyncDispose]();
  });

  const request = (name: string, times: number, options: TaskOptions = {}) => ({
    task: name,
    payload: { times },
    tenantId,
    options,
  });
  const send = async (name: string, times: number, options?: TaskOptions) =>
    (await api.enqueuer.one(request(name, times, options))).id;
  const ended = (id: string) => worker.ended(id, endedMs);
  const endedInRedis = (id: string) =>
    vi.waitFor(async () => {
      const row = await api.notDurable.read(tenantId, id);
      expect(row?.finished_at).toBeInstanceOf(Date);
      return row;
    }, endedMs);

  it('should accept, run, retry and put off tasks as API and worker', async () => {
    const batch = Array.from({ length: batchSize }, (_, n) => request('at_once', 0, { priority: 1 + (n % 9) }));
    const accepted = await api.enqueuer.batch(batch);
    const others = [
      await send('delayed', 2),
      await send('at_once', 1),
      await send('at_once', 0, { countdownSeconds: 0.2 }),
    ];
    const failed = await send('at_once', 9);
    const rows = await Promise.all([...accepted.map(({ id }) => id), ...others].map(ended));
    expect(new Set(rows.map((row) => row.status))).toEqual(new Set(['COMPLETED']));
    expect(await ended(failed)).toMatchObject({ status: 'FAILED', attempts: 3 });
  });

  it('should send, run, retry, tell, cancel and hand back tasks that are not durable', async () => {
    const durable = false;
    const batch = await api.enqueuer.batch([request('delayed', 1, { durable }), request('at_once', 1, { durable })]);
    const failed = await send('at_once', 9, { durable });
    for (const { id } of batch) expect(await endedInRedis(id)).toMatchObject({ status: 'COMPLETED', attempts: 2 });
    expect(await endedInRedis(failed)).toMatchObject({ status: 'FAILED', attempts: 3 });
    const later = await send('at_once', 0, { durable, countdownSeconds: 600 });
    const row = await api.notDurable.read(tenantId, later);
    expect(row).toMatchObject({ status: 'QUEUED' });
    expect(row && (await api.notDurable.remove(row))).toBe('removed');
    const held = await send('gated', 0, { durable });
    await vi.waitFor(() => expect(entered).toContain(held), endedMs);
    await worker.drain(0);
    await worker[Symbol.asyncDispose]();
    worker = startWorker();
    gate.resolve();
    expect(await endedInRedis(held)).toMatchObject({ status: 'COMPLETED', attempts: 1 });
  });

  it('should pause and resume a queue, count what waits, and see what redis lost', async () => {
    const deps = { db: database.db, broker: api.broker, log };
    await setQueuePaused(deps, queue, true);
    const id = await send('at_once', 0);
    await vi.waitFor(async () => expect(await api.broker.counts(queue)).toMatchObject({ prioritized: 1 }), endedMs);
    const lost = { id: randomUUID(), queue };
    expect(await api.broker.missing([{ id, queue }, lost])).toEqual([lost.id]);
    await setQueuePaused(deps, queue, false);
    expect(await ended(id)).toMatchObject({ status: 'COMPLETED' });
  });

  // the same scripts on each
  if (topology === 'standalone')
    it('should give a job out again whose worker is gone', async () => {
      await worker.drain(0);
      await worker[Symbol.asyncDispose]();
      const connection = connectRedis(as(users.worker).targets.broker, 'consumer', log);
      const source = new JobSource({ queue, connection, workerName: 'gone', retryDelayMs: () => -1 });
      const id = await send('at_once', 0, { durable: false });
      await vi.waitFor(async () => expect(await source.fetch(['gone'])).toMatchObject([{ job: { id } }]), endedMs);
      await source.close(true);
      connection.disconnect();
      // its lock would lapse in 6 s
      await (await servers.master()).call(...inBroker(servers, 'del', keyOf(`${id}:lock`)));
      worker = startWorker();
      expect(await endedInRedis(id)).toMatchObject({ status: 'COMPLETED', deaths: 1 });
    });

  it('should tell as worker what becomes of a task, and hear of it as API', async () => {
    const metrics = createLiveMetrics(new Registry());
    const open = (user: AclUserName) => connectRedis(as(user).targets.events, 'producer', log);
    const [blocking, asking, writing] = [open(users.api), open(users.api), open(users.worker)];
    const publisher = new LivePublisher({ connection: writing, metrics, log });
    const hub = new LiveHub({
      db: database.db,
      notDurable: api.notDurable,
      openReader: (handlers) => new LiveReader({ blocking, asking, ...handlers, log }),
      metrics,
      log,
    });
    await vi.waitFor(() => expect([blocking, asking, writing].map(({ status }) => status)).toEqual(ready), endedMs);
    const heard: string[] = [];
    const listener = {
      onEvent: ({ taskId }: { readonly taskId: string }) => heard.push(taskId),
      onGap: () => undefined,
    };
    const listening = await hub.listen({ tenantId, scope: { kind: 'tenant' } }, listener);
    const id = await send('at_once', 0);
    await ended(id);
    await publishStates({ live: publisher, db: database.db, log }, [id]);
    await vi.waitFor(() => expect(heard).toContain(id), endedMs);
    listening[Symbol.dispose]();
    await publisher.stop();
    await hub.stop();
    for (const connection of [blocking, asking, writing]) connection.disconnect();
  });

  it('should take in what a producer adds with BullMQ alone', async () => {
    gate = Promise.withResolvers();
    gate.resolve();
    const connection = connectRedis(as(users.producer).targets.broker, 'consumer', log);
    const other = new Queue(queue, { connection, prefix: queuePrefix(queue) });
    const ids = Array.from({ length: 5 }, () => randomUUID());
    const data = { payload: {} };
    const [plain, prioritized, delayed, ...bulk] = ids;
    if (!plain || !prioritized || !delayed) throw new Error('expected five ids');
    await other.add('at_once', data, { jobId: plain });
    await other.add('at_once', data, { jobId: prioritized, priority: 3 });
    await other.add('at_once', data, { jobId: delayed, delay: 100 });
    await other.addBulk(bulk.map((jobId) => ({ name: 'at_once', data, opts: { jobId } })));
    for (const id of ids) await vi.waitFor(() => worker.ended(id, 500), endedMs);
    await other.close();
    connection.disconnect();
  });

  if (topology === 'sentinel')
    it('should let sentinels and replicas change the master', async () => {
      const before = await servers.master();
      await servers.sentinels[0]?.call('sentinel', 'failover', masterName);
      await vi.waitFor(async () => expect((await servers.master()).port).not.toBe(before.port), endedMs);
      // until then it takes writes that nobody keeps, a task's among them that is not durable
      await vi.waitFor(async () => expect(await before.call('role')).toContain('slave'), endedMs);
      const id = await vi.waitFor(() => send('at_once', 0, { durable: false }), endedMs);
      expect(await endedInRedis(id)).toMatchObject({ status: 'COMPLETED' });
    });

  it('should have refused none of all that', async () => {
    for (const server of [...servers.nodes, ...servers.sentinels]) expect(await refusedBy(server)).toEqual([]);
  });

  it('should know each user as the table has it', async () => {
    for (const name of aclUserNames) {
      const [server] = aclUsers[name].on === 'data' ? servers.nodes : servers.sentinels;
      if (!server) continue;
      const user = fieldsOf(await server.call('acl', 'getuser', name));
      const commands = String(user.commands).split(' ').slice(1);
      expect([name, new Set(commands)]).toEqual([name, new Set(aclUsers[name].commands.map((word) => `+${word}`))]);
    }
  });

  it('should refuse each user of data servers what concerns the server or keys of others', async () => {
    const server = await servers.master();
    for (const name of aclUserNames) {
      const { on, keys, commands } = aclUsers[name];
      if (on !== 'data') continue;
      const answered = await answers(server, name, acl.password, keys.length > 0 ? foreign : [...foreign, ...ownKeys]);
      expect([name, answered]).toEqual([name, []]);
      if (!new Set<string>(commands).has('eval')) continue;
      expect(await answerOf(server, name, acl.password, hidden)).toContain("can't access");
    }
  });

  if (topology === 'sentinel')
    it('should refuse the users of sentinels what is for operators', async () => {
      const [sentinel] = servers.sentinels;
      if (!sentinel) throw new Error('expected sentinels');
      for (const name of aclUserNames.filter((user) => aclUsers[user].on === 'sentinel'))
        expect([name, await answers(sentinel, name, acl.password, ofOperators)]).toEqual([name, []]);
    });
});

/** Commands of the harness go to database 0; outside a cluster queues stand in another one. */
function inBroker({ targets }: RunningTopology, command: string, key: string): [string, ...(string | number)[]] {
  const { broker } = targets;
  if (broker.topology === 'cluster') return [command, key];
  const script = `redis.call('select', ARGV[1]) return redis.call(ARGV[2], KEYS[1])`;
  return ['eval', script, 1, key, broker.db, command];
}
