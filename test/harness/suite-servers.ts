/** A Postgres and a Redis that all tests of a suite share. */
import { afterAll, beforeAll } from 'vitest';
import { postgresServer, type RunningPostgres } from './postgres.ts';
import { type RunningTopology, startTopology, type TopologyName } from './topologies.ts';

/** To be read in hooks and tests of the suite. @throws in its body, where nothing is started yet */
export interface SuiteServers {
  readonly postgres: RunningPostgres;
  readonly redis: RunningTopology;
}

/** Starts both, side by side, before the suite whose body calls this, and ends them after it, also when one of them did not start. */
export function suiteServers(topology: TopologyName): SuiteServers {
  const stack = new AsyncDisposableStack();
  let postgres: RunningPostgres | undefined;
  let redis: RunningTopology | undefined;
  beforeAll(async () => {
    const starting = [
      postgresServer.start().then((started) => {
        postgres = stack.use(started);
      }),
      startTopology(topology).then((started) => {
        redis = stack.use(started);
      }),
    ];
    // both are waited for, so that afterAll finds what did start
    await Promise.allSettled(starting);
    await Promise.all(starting);
  });
  afterAll(() => stack.disposeAsync());
  return {
    get postgres() {
      return started(postgres, 'Postgres');
    },
    get redis() {
      return started(redis, 'Redis');
    },
  };
}

function started<T>(server: T | undefined, name: string): T {
  if (server === undefined) throw new Error(`${name} of a suite is there in its hooks and tests, and not before`);
  return server;
}
