/** Workers, the API and Postgres die under load where Redis is watched by sentinels, and where it is a cluster. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { postgresServer, type RunningPostgres } from '../../harness/postgres.ts';
import { startTopology, type TopologyName } from '../../harness/topologies.ts';
import { apiFault } from '../api-fault.ts';
import { postgresFaults } from '../postgres-faults.ts';
import { workerFaults } from '../worker-faults.ts';

const firstSeed = 20_261_721;
const topologies: readonly TopologyName[] = ['sentinel', 'cluster'];
let postgres: RunningPostgres;

beforeAll(async () => {
  process.stdout.write(`seed ${firstSeed}\n`);
  postgres = await postgresServer.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

describe.each(topologies)('on %s', (topology) => {
  const rows = [...workerFaults, apiFault, ...postgresFaults];
  it.each(rows.map((row, place) => ({ ...row, seed: firstSeed + place })))(
    'should $promise',
    async ({ stand, seed }) => {
      await using redis = await startTopology(topology);
      await stand({ postgres, redis }, seed);
    },
  );
});
