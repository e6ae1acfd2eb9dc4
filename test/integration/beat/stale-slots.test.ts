/**
 * Slots that nobody takes: each ends when the next is due, in the ledger and in Redis, and is not run by whoever comes later. Beat
 * and worker log in to Redis as the users that the ACL table has for them.
 */
import { expect, it } from 'vitest';
import { createRegistry, defineSchedule, putSchedule } from '../../../worker/runtime/index.ts';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { postgresServer } from '../../harness/postgres.ts';
import { redisServer } from '../../harness/redis.ts';
import { createAcl } from '../../harness/redis-acl.ts';
import { openStage } from '../../harness/stage.ts';
import { fastTasksKey } from '../../harness/topologies.ts';
import { until } from '../../harness/until.ts';
import { refusedBy } from '../redis/acl-probes.ts';

const slots = 12;
const firedMs = 60_000;
/** The newest slot, one that is on its way, and on a busy machine some more. */
const most = 4;
const settledMs = 10_000;

it('should leave no backlog of polls that nobody took', async () => {
  await using postgres = await postgresServer.start();
  const acl = createAcl();
  await using redis = await redisServer.start({ acl });
  await using stage = await openStage({ postgres, redis });
  // the queues' database is the one in which this test can look
  const as = (user: 'millrace-beat' | 'millrace-worker') => ({
    ...acl.as(user, redis).environment,
    CELERY_BROKER_URL: `redis://${user}:${acl.password}@${redis.host}:${redis.port}/0`,
  });
  await stage.start('beat', as('millrace-beat'));
  await putSchedule(
    stage.db,
    createRegistry(sampleTasks),
    defaultTenantId,
    defineSchedule({ name: 'poll', task: 'sample_noop', everySeconds: 1 }),
  );
  const count = async (where: string) => {
    const [row] = await stage.db.query<{ n: number }>(`select count(*)::int as n from tasks where ${where}`);
    return row?.n ?? 0;
  };
  await until('slots were fired, and expired', firedMs, async () => (await count(`status = 'EXPIRED'`)) >= slots);
  const inRedis = async () => [await redis.server.call('keys', `${fastTasksKey}:????????-*`)].flat().length;
  await until('the backlog is short in the ledger and in Redis', settledMs, async () => {
    const live = await count(`status in ('PENDING', 'QUEUED')`);
    return live <= most && (await inRedis()) <= most;
  });
  const expired = await count(`status = 'EXPIRED'`);
  await stage.start('worker', as('millrace-worker'));
  await until('a worker takes new ones', firedMs, async () => (await count(`status = 'COMPLETED'`)) > 1);
  expect(await count(`status = 'EXPIRED'`)).toBeGreaterThanOrEqual(expired);
  expect(await count(`status = 'EXPIRED' and (started_at is not null or attempts > 0)`)).toBe(0);
  expect(await refusedBy(redis.server)).toEqual([]);
}, 180_000);
