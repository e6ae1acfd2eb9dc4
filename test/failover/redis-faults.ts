/** How Redis fails under load, on which topology, and within what it must be over. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Database } from '../../worker/db/index.ts';
import { type RunningTopology, startTopology, type TopologyName } from '../harness/topologies.ts';
import { type FaceOptions, faceFault } from './face-fault.ts';

export interface RedisFault {
  readonly fault: string;
  readonly topology: TopologyName;
  /** The load is spread over this: about as fast as it is worked off, so that jobs wait in Redis when it fails. */
  readonly loadMs: number;
  /** Strikes, and returns the moment that recovery counts from. */
  readonly strike: (servers: RunningTopology) => Promise<number>;
  /** Bounds, seconds; of the repair where writes may be lost: what waits for Redis alone takes as long as it takes. */
  readonly r: number;
  readonly repair?: number;
}

const killMaster = async (servers: RunningTopology): Promise<number> => {
  const master = await servers.master();
  const at = Date.now();
  await master.kill();
  return at;
};

const frozenMs = 15_000;

/** Its connections stay open and nothing answers; then it comes back and still takes itself for the master. */
const freezeMaster = async (servers: RunningTopology): Promise<number> => {
  const master = await servers.master();
  const at = Date.now();
  master.freeze();
  await wait(frozenMs);
  master.thaw();
  return at;
};

/** Counted from its return. */
export const away = (ms: number) => async (servers: RunningTopology) => {
  await servers.stop();
  await wait(ms);
  await servers.startAgain();
  return Date.now();
};

const wipe = async (servers: RunningTopology): Promise<number> => {
  const master = await servers.master();
  const at = Date.now();
  await master.call('flushall');
  return at;
};

export const redisFaults: readonly RedisFault[] = [
  { fault: 'the master is killed', topology: 'sentinel', loadMs: 9000, strike: killMaster, r: 20, repair: 90 },
  {
    fault: 'the owner of the slot is killed',
    topology: 'cluster',
    loadMs: 9000,
    strike: killMaster,
    r: 15,
    repair: 90,
  },
  { fault: 'the master is frozen', topology: 'sentinel', loadMs: 16_000, strike: freezeMaster, r: 35, repair: 90 },
  {
    fault: 'the owner of the slot is frozen',
    topology: 'cluster',
    loadMs: 16_000,
    strike: freezeMaster,
    r: 35,
    repair: 90,
  },
  { fault: 'it is away for 3 s', topology: 'standalone', loadMs: 7000, strike: away(3000), r: 10, repair: 90 },
  { fault: 'it is away for 20 s', topology: 'standalone', loadMs: 22_000, strike: away(20_000), r: 10, repair: 90 },
  { fault: 'it is wiped', topology: 'standalone', loadMs: 2000, strike: wipe, r: 90, repair: 90 },
];

/** Starts the servers, strikes once a quarter of the load is sent, and holds the row to the invariant and to its bounds. */
export async function standRedisFault(
  db: Database,
  { topology, strike, ...row }: RedisFault,
  options: FaceOptions,
): Promise<void> {
  await using servers = await startTopology(topology);
  await faceFault(db, { ...row, on: topology, servers, strike: () => strike(servers) }, options);
}
