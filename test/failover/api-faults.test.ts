/** The API dies between a commit and its hand-over to Redis: what it had committed runs once, soon after it is back. */
import { afterAll, beforeAll, it } from 'vitest';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { startTopology } from '../harness/topologies.ts';
import { apiFault } from './api-fault.ts';

const firstSeed = 20_261_131;
let postgres: RunningPostgres;

beforeAll(async () => {
  process.stdout.write(`seed ${firstSeed}\n`);
  postgres = await postgresServer.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

it.each([apiFault].map((row, place) => ({ ...row, seed: firstSeed + place })))(
  'should $promise',
  async ({ stand, seed }) => {
    await using redis = await startTopology('standalone');
    await stand({ postgres, redis }, seed);
  },
);
