/**
 * What delivery promises, on each topology, on PGlite, under the users of worker/redis/acl.ts: standalone without TLS, Sentinel and Cluster
 * with client certificates. The fault tests drive all three without TLS, the kit's own tests both.
 */
import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { queuePrefix } from '../../../worker/queues.ts';
import { connectRedis } from '../../../worker/redis/index.ts';
import { cancelTask, defineTask, fixedDelay, readTask } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import type { RedisServers } from '../../harness/redis.ts';
import { createAcl } from '../../harness/redis-acl.ts';
import { createTls } from '../../harness/redis-tls.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';
import { type RunningTopology, startTopology, topologyNames } from '../../harness/topologies.ts';

const queue = 'fast_tasks' as const;
const batchSize = 500;
/** A task accepted while Redis is away runs within this of its return. */
const backMs = 30_000;
/** A stop is bounded, whatever Redis does. */
const stopMs = 20_000;

describe.each(topologyNames)('delivery through redis as %s', (topology) => {
  const tls = topology === 'standalone' ? undefined : createTls();
  let servers: RunningTopology;
  /** For clients that are none of ours. */
  let producer: Pick<RedisServers, 'targets'>;
  let database: TestDatabase;
  let runtime: TestRuntime;
  const runs = new Map<string, number>();
  const entered = Promise.withResolvers<void>();

  const tasks = [
    defineTask({
      name: 'echo',
      queue,
      description: 'Returns its payload.',
      payload: z.strictObject({ text: z.string() }),
      handle: async (ctx, { text }) => {
        runs.set(ctx.taskId, (runs.get(ctx.taskId) ?? 0) + 1);
        return { text };
      },
    }),
    defineTask({
      name: 'flaky',
      queue,
      retry: { retries: 2, delaySeconds: fixedDelay(0.05), jitter: 0 },
      description: 'Fails so many times.',
      payload: z.strictObject({ times: z.int() }),
      handle: async (ctx, { times }) => {
        const first = await ctx.effect('once', async () => ctx.attempt);
        if (ctx.attempt < times) throw new Error(`attempt ${ctx.attempt} fails`);
        return { first };
      },
    }),
    defineTask({
      name: 'endless',
      queue,
      description: 'Runs until its signal.',
      payload: z.strictObject({}),
      handle: async (ctx) => {
        entered.resolve();
        await new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason)));
        return undefined;
      },
    }),
  ];

  beforeAll(async () => {
    const acl = createAcl();
    servers = await startTopology(topology, tls, acl);
    producer = acl.as('millrace-producer', servers);
    database = await (await databaseKinds.pglite()).open();
    runtime = startRuntime({ db: database.db, redis: acl.as('millrace-worker', servers), tasks });
  });
  afterAll(async () => {
    await runtime[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await servers[Symbol.asyncDispose]();
    tls?.[Symbol.dispose]();
  });

  const send = (task: string, payload: { [key: string]: string | number }) =>
    runtime.enqueuer.one({ task, payload, tenantId });

  it('should run an accepted task once and keep its result', async () => {
    const { id } = await send('echo', { text: 'hello' });
    expect(await runtime.ended(id)).toMatchObject({ status: 'COMPLETED', result: { text: 'hello' }, attempts: 1 });
    expect(runs.get(id)).toBe(1);
  });

  it(`should run a batch of ${batchSize}, each once`, async () => {
    const accepted = await runtime.enqueuer.batch(
      Array.from({ length: batchSize }, (_, n) => ({ task: 'echo', payload: { text: `${n}` }, tenantId })),
    );
    const rows = await Promise.all(accepted.map(({ id }) => runtime.ended(id, 60_000)));
    expect(rows.map((row) => row.result)).toEqual(accepted.map((_, n) => ({ text: `${n}` })));
    expect(accepted.map(({ id }) => runs.get(id))).toEqual(accepted.map(() => 1));
  });

  it('should retry, and not repeat an effect that was done', async () => {
    const { id } = await send('flaky', { times: 2 });
    expect(await runtime.ended(id)).toMatchObject({ status: 'COMPLETED', attempts: 3, result: { first: 0 } });
  });

  it('should stop a running task that is cancelled', async () => {
    const { id } = await send('endless', {});
    await entered.promise;
    expect(await cancelTask(database.db, tenantId, id, 'by a test')).toBe(true);
    await vi.waitFor(() => expect(runtime.consumer.running).toEqual([]), 10_000);
    expect(await readTask(database.db, tenantId, id)).toMatchObject({ status: 'CANCELLED' });
  });

  it('should take in a job that another client added', async () => {
    const connection = connectRedis(producer.targets.broker, 'producer', pino({ level: 'silent' }));
    const other = new Queue(queue, { connection, prefix: queuePrefix(queue) });
    const id = randomUUID();
    await other.add('echo', { payload: { text: 'from elsewhere' } }, { jobId: id });
    const row = await vi.waitFor(() => runtime.ended(id, 1000), 20_000);
    expect(row).toMatchObject({ status: 'COMPLETED', result: { text: 'from elsewhere' } });
    await other.close();
    connection.disconnect();
  });

  it('should accept at once while redis is away, and run when it is back', async () => {
    await servers.stop();
    const startedAt = Date.now();
    const { id, status } = await send('echo', { text: 'durable' });
    expect(status).toBe('PENDING');
    expect(Date.now() - startedAt).toBeLessThan(2000);
    await servers.startAgain();
    expect(await runtime.ended(id, backMs)).toMatchObject({ status: 'COMPLETED', result: { text: 'durable' } });
    expect(runs.get(id)).toBe(1);
  });

  it('should stop while redis is away, and hand its task back in the ledger', async () => {
    const { id } = await send('endless', {});
    await vi.waitFor(() => expect(runtime.consumer.running.map((run) => run.id)).toEqual([id]), 20_000);
    await servers.stop();
    const startedAt = Date.now();
    await runtime.drain(100);
    expect(Date.now() - startedAt).toBeLessThan(stopMs);
    expect(await readTask(database.db, tenantId, id)).toMatchObject({ attempts: 0, epoch: 2, status: 'PENDING' });
  });
});
