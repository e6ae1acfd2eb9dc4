/** Listeners while the master behind sentinels dies or freezes under load: each hears every end, over events or from the ledger. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTask, type LiveEvent, type RegisteredTask } from '../../../worker/runtime/index.ts';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { sentinelServers } from '../../harness/redis-sentinel.ts';
import { startRuntime } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

const loadMs = 30_000;
const strikeAfterMs = 8000;
const gapMs = 50;
const frozenMs = 15_000;
const endsWithinMs = 90_000;
const failoverMs = 30_000;

const tasks: RegisteredTask[] = [
  defineTask({
    name: 'test_step',
    queue: 'fast_tasks',
    description: 'Takes a moment and says so.',
    payload: z.strictObject({}),
    handle: async (ctx) => {
      ctx.progress({ step: 'waiting', fraction: 0.5 });
      await wait(200, undefined, { signal: ctx.signal });
      return 'done';
    },
  }),
];

let kind: DatabaseKind;
let database: TestDatabase;
beforeAll(async () => {
  kind = await databaseKinds.pglite();
  database = await kind.open();
});
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await kind?.[Symbol.asyncDispose]();
});

describe('listeners over a failover', () => {
  it.each(['killed', 'frozen'] as const)('should hear every end when the master is %s', async (fault) => {
    await using redis = await sentinelServers.start();
    await redis.whenServing(failoverMs);
    await using runtime = startRuntime({ db: database.db, redis, tasks, slots: 20 });
    await until('redis is there', failoverMs, async () => runtime.broker.ready);
    const heard = { tenant: new Map<string, string>(), task: new Map<string, string>() };
    let gaps = 0;
    const into = (map: Map<string, string>) => ({
      onEvent: ({ event, taskId }: LiveEvent) => {
        if (event === 'result' || event === 'error') map.set(taskId, event);
      },
      onGap: () => {
        gaps += 1;
      },
    });
    using _all = await runtime.hub.listen({ tenantId: defaultTenantId, scope: { kind: 'tenant' } }, into(heard.tenant));
    const listening: Disposable[] = [];
    const ids: string[] = [];
    const began = Date.now();
    const struck = strike();
    while (Date.now() - began < loadMs) {
      const { id } = await runtime.enqueuer.one({ task: 'test_step', payload: {}, tenantId: defaultTenantId });
      ids.push(id);
      const scope = { kind: 'task', taskId: id, durable: true } as const;
      listening.push(await runtime.hub.listen({ tenantId: defaultTenantId, scope }, into(heard.task)));
      await wait(gapMs);
    }
    await struck;
    for (const map of [heard.task, heard.tenant]) {
      await until('every end is heard', endsWithinMs, async () => ids.every((id) => map.get(id) === 'result'));
    }
    expect(gaps).toBeGreaterThan(0);
    for (const one of listening) one[Symbol.dispose]();

    async function strike(): Promise<void> {
      await wait(strikeAfterMs);
      const master = await redis.master();
      if (fault === 'killed') return master.kill();
      master.freeze();
      await wait(frozenMs);
      master.thaw();
    }
  });
});
