/** A claim that was let in and whose answer was lost: its worker finds out by itself, long before the lease is over. */
import { expect, it } from 'vitest';
import type { Database, Row, SqlValue } from '../../../worker/db/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { databaseKinds } from '../../harness/databases.ts';
import { redisServer } from '../../harness/redis.ts';
import { startRuntime } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

/** Loses the first answer that has rows in it of the statement in which this text stands. */
function losing(real: Database, statement: string) {
  let lost = 0;
  const db: Database = {
    ...real,
    query: async <R extends Row>(text: string, params?: readonly SqlValue[]) => {
      const rows = await real.query<R>(text, params);
      if (lost === 0 && rows.length > 0 && text.includes(statement)) {
        lost = rows.length;
        throw Object.assign(new Error('Connection terminated unexpectedly'), { code: '08006' });
      }
      return rows;
    },
  };
  return { db, lost: () => lost };
}

it('should be given back and run again within 15 s, without an attempt that counts', async () => {
  await using database = await (await databaseKinds.pglite()).open();
  await using redis = await redisServer.start();
  const { db, lost } = losing(database.db, "update tasks_live set status = 'RUNNING'");
  await using runtime = startRuntime({ db, redis, tasks: sampleTasks });
  const payload = { run: 'lost claim', n: 1 };
  const { id } = await runtime.enqueuer.one({ task: 'sample_effect', payload, tenantId });
  expect(await runtime.ended(id, 15_000)).toMatchObject({ status: 'COMPLETED', attempts: 1, deaths: 0 });
  expect(lost()).toBe(1);
});

it('should be given back when it was of many tasks of the backlog at once', async () => {
  await using database = await (await databaseKinds.pglite()).open();
  await using redis = await redisServer.start();
  const { db, lost } = losing(database.db, "update tasks_live t set status = 'RUNNING'");
  // more than the relay hands over to wake a worker
  const waiting = 300;
  await database.db.query(
    `insert into tasks_live (id, tenant_id, name, queue, payload)
     select gen_random_uuid(), $1, 'sample_noop', 'fast_tasks', '{}' from generate_series(1, $2)`,
    [tenantId, waiting],
  );
  await using _runtime = startRuntime({ db, redis, tasks: sampleTasks, slots: 8, listed: true });
  const count = async (where: string) =>
    (await database.db.query<{ n: number }>(`select count(*)::int as n from ${where}`))[0]?.n;
  await until('all have run', 20_000, async () => (await count('tasks_live')) === 0);
  expect(await count(`tasks_finished where status = 'COMPLETED' and attempts = 1 and deaths = 0`)).toBe(waiting);
  expect(lost()).toBeGreaterThan(0);
});
