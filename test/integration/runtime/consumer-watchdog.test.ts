/** A consumer that hangs while jobs wait is built anew: liveness is progress, not a connection that answers. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JobSource } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime } from '../../harness/runtime.ts';

let database: TestDatabase;
let redis: RunningRedis;
beforeAll(async () => {
  database = await (await databaseKinds.pglite()).open();
  redis = await redisServer.start();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const never = new Promise<never>(() => undefined);

/** Hangs where an earlier BullMQ did after an outage: in the call that waits for work. */
class DeafSource extends JobSource {
  readonly hangs = Promise.withResolvers<void>();
  override waitForWork(): Promise<never> {
    this.hangs.resolve();
    return never;
  }
}

/** Hangs with a slot in its hands. */
class StuckSource extends JobSource {
  readonly hangs = Promise.withResolvers<void>();
  override fetch(): Promise<never> {
    this.hangs.resolve();
    return never;
  }
}

it.each([
  ['waits for work and hears nothing', DeafSource],
  ['fetches and hears nothing', StuckSource],
])('should be built anew when it %s', async (_how, Hanging) => {
  const opened: JobSource[] = [];
  const hanging = Promise.withResolvers<InstanceType<typeof Hanging>>();
  await using runtime = startRuntime({
    db: database.db,
    redis,
    tasks: sampleTasks,
    // the only slot: it must come back
    slots: 1,
    consumer: {
      silentLimitMs: 2000,
      openSource: (options) => {
        const first = opened.length === 0 ? new Hanging(options) : undefined;
        if (first) hanging.resolve(first);
        const source = first ?? new JobSource(options);
        opened.push(source);
        return source;
      },
    },
  });
  await (await hanging.promise).hangs.promise;
  const { id } = await runtime.enqueuer.one({ task: 'sample_noop', payload: {}, tenantId });
  expect(await runtime.ended(id, 20_000)).toMatchObject({ status: 'COMPLETED', attempts: 1 });
  expect(opened).toHaveLength(2);
});

it('should stay as it is when nothing waits', async () => {
  const opened: JobSource[] = [];
  await using runtime = startRuntime({
    db: database.db,
    redis,
    tasks: sampleTasks,
    consumer: {
      silentLimitMs: 1000,
      openSource: (options) => {
        const source = opened.length === 0 ? new DeafSource(options) : new JobSource(options);
        opened.push(source);
        return source;
      },
    },
  });
  await expect.poll(() => runtime.consumer.silentQueues(6500), { timeout: 15_000 }).toEqual(['fast_tasks']);
  expect(opened).toHaveLength(1);
});
