/** Leases of a process are renewed in one statement; a row that is locked must hold up none of the others. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

/** Leases are renewed each 8 s; with a machine that has other things to do. */
const renewedWithinMs = 14_000;

let server: DatabaseKind;
let database: TestDatabase;
let redis: RunningRedis;

beforeAll(async () => {
  server = await databaseKinds.postgres();
  [database, redis] = await Promise.all([server.open(), redisServer.start()]);
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it('should renew the leases of other runs while a long transaction holds the row of one, and that one soon after', async () => {
  const { db } = database;
  await using runtime = startRuntime({ db, redis, tasks: sampleTasks });
  const sleep = { task: 'sample_sleep', payload: { ms: 120_000 }, tenantId };
  const [locked, other] = await runtime.enqueuer.batch([sleep, sleep]);
  const leaseOf = async (id = '') => {
    const [row] = await db.query<{ lease_until: Date | null }>('select lease_until from tasks_live where id = $1', [
      id,
    ]);
    return row?.lease_until?.getTime() ?? 0;
  };
  await until(
    'both run',
    renewedWithinMs,
    async () => (await leaseOf(locked?.id)) > 0 && (await leaseOf(other?.id)) > 0,
  );
  const before = { locked: await leaseOf(locked?.id), other: await leaseOf(other?.id) };
  const done = Promise.withResolvers<void>();
  const holds = Promise.withResolvers<void>();
  const holding = db.tx(async (tx) => {
    await tx.query('select 1 from tasks_live where id = $1 for update', [locked?.id ?? '']);
    holds.resolve();
    await done.promise;
  });
  await holds.promise;
  try {
    await until('the other lease is renewed', renewedWithinMs, async () => (await leaseOf(other?.id)) > before.other);
    expect(await leaseOf(locked?.id)).toBe(before.locked);
  } finally {
    done.resolve();
    await holding;
  }
  await until('its own lease is renewed', 5000, async () => (await leaseOf(locked?.id)) > before.locked);
});
