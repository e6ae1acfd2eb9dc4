/** The checker of fault runs must see what it is there to see. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countedSampleTasks, recoveryFrom, startLoad } from '../harness/checker.ts';
import { databaseKinds, type TestDatabase } from '../harness/databases.ts';
import { type RunningRedis, redisServer } from '../harness/redis.ts';
import { startRuntime } from '../harness/runtime.ts';

let database: TestDatabase;
let redis: RunningRedis;

beforeAll(async () => {
  redis = await redisServer.start();
  database = await (await databaseKinds.pglite()).open();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

const good = { attempted: 40, acknowledged: 40, unknown: 0, lost: 0, unexpected: 0, doubled: 0, active: 0 };
const verdictMs = 20_000;

it('should find what was lost, doubled, refused, or came from nowhere', async () => {
  const { db } = database;
  const { tasks, begun } = countedSampleTasks();
  await using runtime = startRuntime({ db, redis, tasks });
  const { enqueuer } = runtime;
  const options = { db, enqueuer, seed: 1, tasks: 40, overMs: 100, begun };
  const load = startLoad({ ...options, run: 'honest' });
  expect(await load.verdict(verdictMs)).toEqual({ ...good, torn: 0, takenAgain: 0, duplicateRuns: 0 });

  await db.query(`delete from sample_effects where n = 3`);
  expect(await load.verdict(verdictMs)).toMatchObject({ lost: 1, unexpected: 1, doubled: 0, torn: 1 });
  await db.query(
    `insert into sample_effects select task_id, run, n, attempt, created_at from sample_effects where n = 7`,
  );
  expect(await load.verdict(verdictMs)).toMatchObject({ lost: 1, doubled: 1 });
  await db.query(`delete from tasks_finished where payload ->> 'n' = '9'`);
  expect(await load.verdict(verdictMs)).toMatchObject({ lost: 2 });
  await db.query(`delete from effects where task_id = (select task_id from sample_effects where n = 11)`);
  expect(await load.verdict(verdictMs)).toMatchObject({ torn: 3 });
  const stranger = '00000000-0000-4000-8000-000000000000';
  await db.query(`insert into sample_effects (task_id, run, n, attempt) values ($1, 'honest', 0, 0)`, [stranger]);
  expect(await load.verdict(verdictMs)).toMatchObject({ unexpected: 3 });

  // the same ids for another payload are refused: attempted, unknown, and none of it accepted
  const refused = startLoad({ ...options, run: 'refused' });
  expect(await refused.verdict(verdictMs)).toMatchObject({ attempted: 40, acknowledged: 0, unknown: 40, lost: 0 });
});

it('should count the pause after a fault, and when the last earlier task had ended', () => {
  const ends = [500, 900, 1100, 6100, 6200, 9000, 9100].map((finishedAt, n) => ({ acceptedAt: n * 200, finishedAt }));
  expect(recoveryFrom(1000, ends)).toEqual({ r: 5.1, repair: 8 });
  expect(recoveryFrom(10_000, ends)).toEqual({ r: 0, repair: 0 });
});
