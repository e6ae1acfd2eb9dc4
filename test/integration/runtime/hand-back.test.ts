/** A worker that stops gives its tasks to one that has nothing to do, at once and not when that one next looks. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTask, JobSource, type TaskOptions } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { startRuntime } from '../../harness/runtime.ts';
import { type RunningTopology, startTopology, topologyNames } from '../../harness/topologies.ts';
import { until } from '../../harness/until.ts';

/** An idle worker blocks for 5 s before it looks again by itself. */
const wakenWithinMs = 4000;

/** Tells when it begins to wait for work. */
class TellingSource extends JobSource {
  waits = Promise.withResolvers<void>();
  override waitForWork(): Promise<boolean> {
    const waiting = super.waitForWork();
    this.waits.resolve();
    this.waits = Promise.withResolvers();
    return waiting;
  }
}

describe.each(topologyNames)('through redis as %s', (topology) => {
  let servers: RunningTopology;
  let database: TestDatabase;
  beforeAll(async () => {
    servers = await startTopology(topology);
    database = await (await databaseKinds.pglite()).open();
  });
  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await servers[Symbol.asyncDispose]();
  });

  it.each([
    ['durable', {}],
    ['not durable', { durable: false }],
  ] as readonly [string, TaskOptions][])('should wake an idle worker for a task that is %s', async (_kind, options) => {
    const runs: { readonly where: string; readonly at: number }[] = [];
    const tasksOf = (where: string) => [
      defineTask({
        name: 'ends_elsewhere',
        queue: 'fast_tasks',
        description: 'Waits until its first worker stops.',
        payload: z.strictObject({}),
        handle: async (ctx) => {
          runs.push({ where, at: performance.now() });
          if (where === 'first') await new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', reject));
          return where;
        },
      }),
    ];
    await using first = startRuntime({ db: database.db, redis: servers, tasks: tasksOf('first'), slots: 1 });
    await first.broker.whenReady(20_000);
    const request = { task: 'ends_elsewhere', payload: {}, tenantId, options };
    const { id } = await first.enqueuer.one(request);
    await until('it runs', 20_000, async () => runs.length === 1);
    const sources: TellingSource[] = [];
    const openSource = (of: ConstructorParameters<typeof JobSource>[0]) => {
      const source = new TellingSource(of);
      sources.push(source);
      return source;
    };
    await using second = startRuntime({
      db: database.db,
      redis: servers,
      tasks: tasksOf('second'),
      slots: 1,
      consumer: { openSource },
    });
    await second.broker.whenReady(20_000);
    // woken for nothing, it begins another block
    const [source] = sources;
    const blocks = source?.waits.promise;
    await first.broker.connection.zadd('{millrace:fast_tasks}:fast_tasks:marker', 0, '0');
    await blocks;
    const handedBackAt = performance.now();
    await first.drain(0);
    await until('it runs again', 20_000, async () => runs.length === 2);
    expect(runs[1]?.where).toBe('second');
    expect((runs[1]?.at ?? Number.NaN) - handedBackAt).toBeLessThan(wakenWithinMs);
    await until('it has ended', 20_000, async () => {
      const row = options.durable === false ? await second.notDurable.read(tenantId, id) : await second.ended(id);
      return row?.status === 'COMPLETED' && row.attempts === 1;
    });
  });
});
