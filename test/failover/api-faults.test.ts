/** The API dies between a commit and its hand-over to Redis: what it had committed runs once, soon after it is back. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { redisServer } from '../harness/redis.ts';
import { endOf, openStage } from '../harness/stage.ts';
import { fastTasksKey } from '../harness/topologies.ts';
import { until } from '../harness/until.ts';

const seed = 20_261_131;
const tasks = 2000;
const loadMs = 8000;
const drainMs = 90_000;
const failpoint = 'accepted:30';
const dispatchedWithinMs = 10_000;

let postgres: RunningPostgres;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  postgres = await postgresServer.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

it('should dispatch once, within 10 s of its restart, what a killed API had committed and not handed over', async () => {
  await using redis = await redisServer.start();
  await using stage = await openStage({ postgres, redis, env: { CELERY_BROKER_URL: `${redis.url}/0` } });
  const dying = await stage.start('api', { MILLRACE_FAILPOINT: failpoint });
  const run = 'API killed';
  const load = stage.load({ run, seed, tasks, overMs: loadMs });
  // no worker yet: its relay and reconciler would do what the API's are to do
  const diedAt = await endOf(dying, loadMs * 3);
  const accepted = await stage.db.query<{ id: string }>(`select id from tasks_live where payload ->> 'run' = $1`, [
    run,
  ]);
  const notInRedis = async (ids: readonly string[]) => {
    const keys = new Set(z.array(z.string()).parse(await redis.server.call('keys', `${fastTasksKey}:*`)));
    return ids.filter((id) => !keys.has(`${fastTasksKey}:${id}`));
  };
  const stranded = await notInRedis(accepted.map(({ id }) => id));
  const api = await stage.start('api');
  const restartedAt = Date.now();
  await until('the stranded tasks stand in Redis', dispatchedWithinMs, async () => {
    return (await notInRedis(stranded)).length === 0;
  });
  const dispatchedMs = Date.now() - restartedAt;
  await stage.start('worker');
  const verdict = await load.verdict(drainMs);
  const figures = { stranded: stranded.length, awayMs: restartedAt - diedAt, dispatchedMs, ...verdict };
  process.stdout.write(
    `API killed at ${failpoint}: ${JSON.stringify({ ...figures, ...Object.fromEntries(load.answers) })}\n`,
  );
  expect(verdict).toMatchObject({ attempted: tasks, lost: 0, unexpected: 0, doubled: 0, active: 0, torn: 0 });
  // else the kill struck nothing: the batch whose answer it cut off is committed and stands nowhere but in the ledger
  expect(stranded.length).toBeGreaterThan(0);
  expect(verdict.unknown).toBeGreaterThanOrEqual(stranded.length);
  expect(await load.refusedButKept()).toBe(0);
  expect(await api.stop()).toBe(0);
});
