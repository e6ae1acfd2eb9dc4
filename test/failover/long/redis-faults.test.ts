/** The faults of Redis with 10,000 tasks each, and the outages that are too long for every day. */
import { afterAll, beforeAll, it } from 'vitest';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { away, type RedisFault, redisFaults, standRedisFault } from '../redis-faults.ts';

const seed = 20_261_221;
const tasks = 10_000;
const drainMs = 300_000;

const longer: readonly RedisFault[] = [
  { fault: 'it is away for 60 s', topology: 'standalone', loadMs: 20_000, strike: away(60_000), r: 10, repair: 90 },
];

let database: TestDatabase;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  database = await (await databaseKinds.pglite()).open();
});
afterAll(() => database[Symbol.asyncDispose]());

it.each([...redisFaults, ...longer].map((row, place) => ({ ...row, seed: seed + place })))(
  'should lose and double none of 10,000 when $fault ($topology)',
  async ({ seed, ...fault }) => {
    await standRedisFault(database.db, fault, { seed, tasks, drainMs });
  },
);
