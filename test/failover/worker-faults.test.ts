/** Worker processes die under load: what was accepted takes effect exactly once all the same. */
import { afterAll, beforeAll, it } from 'vitest';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { startTopology } from '../harness/topologies.ts';
import { workerFaults } from './worker-faults.ts';

const firstSeed = 20_261_121;
let postgres: RunningPostgres;

beforeAll(async () => {
  process.stdout.write(`seed ${firstSeed}\n`);
  postgres = await postgresServer.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

it.each(workerFaults.map((row, place) => ({ ...row, seed: firstSeed + place })))(
  'should $promise',
  async ({ stand, seed }) => {
    await using redis = await startTopology('standalone');
    await stand({ postgres, redis }, seed);
  },
);
