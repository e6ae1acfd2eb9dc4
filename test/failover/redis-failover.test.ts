/** Redis fails under load, on every topology, and every accepted task takes effect exactly once. */
import { afterAll, beforeAll, it } from 'vitest';
import { databaseKinds, type TestDatabase } from '../harness/databases.ts';
import { redisFaults, standRedisFault } from './redis-faults.ts';

const seed = 20_261_121;
const tasks = 3000;

let database: TestDatabase;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  database = await (await databaseKinds.pglite()).open();
});
afterAll(() => database[Symbol.asyncDispose]());

it.each(redisFaults.map((row, place) => ({ ...row, seed: seed + place })))(
  'should lose and double nothing when $fault ($topology)',
  async ({ seed, ...fault }) => {
    await standRedisFault(database.db, fault, { seed, tasks });
  },
);
