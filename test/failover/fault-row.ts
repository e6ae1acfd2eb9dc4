/** A row of the fault matrix that is stood by whole processes, on servers of any topology. */
import type { RunningPostgres } from '../harness/postgres.ts';
import type { RunningTopology } from '../harness/topologies.ts';

export interface FaultServers {
  readonly postgres: RunningPostgres;
  /** With nothing in it. */
  readonly redis: RunningTopology;
}

export interface FaultRow {
  /** What follows on "should". */
  readonly promise: string;
  /** Strikes under load, and holds what came of it to the invariant and to the row's bounds. */
  readonly stand: (servers: FaultServers, seed: number) => Promise<void>;
}
