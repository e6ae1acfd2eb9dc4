/** A claim that was let in and whose answer was lost: its worker finds out by itself, long before the lease is over. */
import { expect, it } from 'vitest';
import type { Database, Row, SqlValue } from '../../../worker/db/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { databaseKinds } from '../../harness/databases.ts';
import { redisServer } from '../../harness/redis.ts';
import { startRuntime } from '../../harness/runtime.ts';

it('should be given back and run again within 15 s, without an attempt that counts', async () => {
  await using database = await (await databaseKinds.pglite()).open();
  await using redis = await redisServer.start();
  let lost = 0;
  const db: Database = {
    ...database.db,
    query: async <R extends Row>(text: string, params?: readonly SqlValue[]) => {
      const rows = await database.db.query<R>(text, params);
      if (lost === 0 && rows.length > 0 && text.includes("set status = 'RUNNING'")) {
        lost += 1;
        throw Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' });
      }
      return rows;
    },
  };
  await using runtime = startRuntime({ db, redis, tasks: sampleTasks });
  const payload = { run: 'lost claim', n: 1 };
  const { id } = await runtime.enqueuer.one({ task: 'sample_effect', payload, tenantId });
  expect(await runtime.ended(id, 15_000)).toMatchObject({ status: 'COMPLETED', attempts: 1, deaths: 0 });
  expect(lost).toBe(1);
});
