/** Handlers may hold every connection of their process for as long as they like: what keeps tasks theirs has its own. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../../worker/db/index.ts';
import { defineTask } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { openDatabase } from '../../harness/database-address.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

const poolMax = 2;
/** Leases are renewed each 8 s; with a machine that has other things to do. */
const renewedWithinMs = 14_000;

let server: DatabaseKind;
let database: TestDatabase;
let redis: RunningRedis;
/** What handlers share with everything but claims, ends and leases. */
let shared: Database;
let reserved: Database;

beforeAll(async () => {
  server = await databaseKinds.postgres();
  [database, redis] = await Promise.all([server.open(), redisServer.start()]);
  const { address } = database;
  if (!address) throw new Error('expected a Postgres with an address');
  shared = openDatabase(address, { poolMax });
  reserved = openDatabase(address, { poolMax: 3, fixedPlans: true });
});
afterAll(async () => {
  await Promise.all([shared.close(), reserved.close()]);
  await database[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it('should end tasks, claim others and renew leases while handlers hold all connections', async () => {
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const define = (name: string, handle: () => Promise<undefined>) =>
    defineTask({ name, queue: 'fast_tasks', description: 'Of a test.', payload: z.strictObject({}), handle });
  const hold = async () => {
    let holding = 0;
    await Promise.all(
      Array.from({ length: poolMax }, () =>
        shared.tx(async (tx) => {
          await tx.query('select 1');
          holding += 1;
          if (holding === poolMax) held.resolve();
          await released.promise;
        }),
      ),
    );
    return undefined;
  };
  const tasks = [
    define('hog', hold),
    define('waits', async () => {
      await held.promise;
      return undefined;
    }),
    define('follows', async () => undefined),
  ];
  await using runtime = startRuntime({ db: shared, redis, tasks, slots: 2, consumer: { reserved } });
  const task = (name: string) => ({ task: name, payload: {}, tenantId });
  const [hog, ...others] = await runtime.enqueuer.batch([task('hog'), task('waits'), task('follows'), task('follows')]);
  const { db } = database;
  try {
    await held.promise;
    await until('the others have ended', renewedWithinMs, async () => {
      const rows = await db.query(`select 1 from tasks where status = 'COMPLETED' and id = any ($1::uuid[])`, [
        others.map(({ id }) => id),
      ]);
      return rows.length === others.length;
    });
    const lease = async () => {
      const [row] = await db.query<{ until: Date }>('select lease_until as until from tasks_live where id = $1', [
        hog?.id ?? '',
      ]);
      return row?.until.getTime() ?? 0;
    };
    const before = await lease();
    await until('its lease is renewed', renewedWithinMs, async () => (await lease()) > before);
  } finally {
    released.resolve();
  }
  expect(await runtime.ended(hog?.id ?? '')).toMatchObject({ status: 'COMPLETED', attempts: 1 });
});
