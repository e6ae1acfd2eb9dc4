/** A worker gets more slots while work waits, and gives them back when it is over. */
import { expect, it } from 'vitest';
import { startAutoscale } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import { databaseKinds } from '../../harness/databases.ts';
import { redisServer } from '../../harness/redis.ts';
import { startRuntime } from '../../harness/runtime.ts';

it.each([
  { kind: 'durable', durable: true },
  { kind: 'not durable', durable: false },
])('should add slots while work waits that is $kind, and take them away when there is none', async ({ durable }) => {
  await using database = await (await databaseKinds.pglite()).open();
  await using redis = await redisServer.start();
  await using runtime = startRuntime({ db: database.db, redis, tasks: sampleTasks, slots: 1 });
  const { consumer } = runtime;
  const autoscale = startAutoscale({
    db: database.db,
    queues: ['fast_tasks'],
    limits: { min: 1, max: 6 },
    consumer,
    log: createLogger({ level: 'fatal' }),
    intervalMs: 100,
  });
  try {
    const accepted = await runtime.enqueuer.batch(
      Array.from({ length: 60 }, () => ({
        task: 'sample_sleep',
        payload: { ms: 200 },
        tenantId,
        options: { durable },
      })),
    );
    await expect.poll(() => consumer.slots.busy, { timeout: 20_000 }).toBe(6);
    expect(accepted).toHaveLength(60);
    await expect.poll(() => consumer.slots.capacity, { timeout: 20_000 }).toBe(1);
  } finally {
    await autoscale.stop();
  }
});
