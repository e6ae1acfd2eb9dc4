/** The API dies between a commit and its hand-over to Redis: what it had committed runs once, soon after it is back. */
import { pino } from 'pino';
import { expect } from 'vitest';
import { connectRedis } from '../../worker/redis/index.ts';
import { endOf, openStage } from '../harness/stage.ts';
import { fastTasksKey } from '../harness/topologies.ts';
import { until } from '../harness/until.ts';
import type { FaultRow } from './fault-row.ts';

const tasks = 2000;
const loadMs = 8000;
const drainMs = 90_000;
const failpoint = 'accepted:30';
const dispatchedWithinMs = 10_000;

const killed: FaultRow['stand'] = async ({ postgres, redis }, seed) => {
  await using stage = await openStage({ postgres, redis });
  using stack = new DisposableStack();
  const asking = connectRedis(redis.targets.broker, 'consumer', pino({ level: 'silent' }));
  stack.defer(() => asking.disconnect());
  // it brings the schema
  expect(await (await stage.start('api')).stop()).toBe(0);
  // no worker yet: its relay and reconciler would do what the API's are to do. One is listed from the start, or no more would be handed over than
  // wakes who comes
  await stage.db.query(
    `insert into workers (id, name, mode, queues, slots, seen_at)
     values (gen_random_uuid(), 'elsewhere', 'worker', '{fast_tasks}', 1, now() + interval '1 hour')`,
  );
  const dying = await stage.start('api', { MILLRACE_FAILPOINT: failpoint });
  const run = 'API killed';
  const load = stage.load({ run, seed, tasks, overMs: loadMs });
  const diedAt = await endOf(dying, loadMs * 3);
  const accepted = await stage.db.query<{ id: string }>(`select id from tasks_live where payload ->> 'run' = $1`, [
    run,
  ]);
  const notInRedis = async (ids: readonly string[]) => {
    const there = await Promise.all(ids.map((id) => asking.exists(`${fastTasksKey}:${id}`)));
    return ids.filter((_, place) => there[place] === 0);
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
};

export const apiFault: FaultRow = {
  promise: 'dispatch once, within 10 s of its restart, what a killed API had committed and not handed over',
  stand: killed,
};
