/** Two beats on each topology: the one that leads is killed, frozen and thawed, or cut off from the database. The ledger decides. */
import { describe, it } from 'vitest';
import { type BeatFault, beatFaults, standBeatFault } from '../../harness/beat-faults.ts';
import { openBeats } from '../../harness/beats.ts';
import { suiteServers } from '../../harness/suite-servers.ts';
import { type TopologyName, topologyNames } from '../../harness/topologies.ts';

const handedOverMs = 60_000;
/** All of them, of two and three beats, on each topology: test/failover/long/beat-faults.test.ts. */
const { killed, frozen, cutOff } = beatFaults;
const faultsOn: Readonly<Record<TopologyName, readonly BeatFault[]>> = {
  standalone: [killed, frozen, cutOff],
  sentinel: [killed, frozen],
  cluster: [killed, frozen],
};

describe.each(topologyNames)('two beats on %s', (topology) => {
  const servers = suiteServers(topology);

  it.concurrent.each(faultsOn[topology])(
    'should fire each slot once, and go on within 20 s, when the leader $fault',
    async (fault) => {
      await using beats = await openBeats({ ...servers, count: 2 });
      await standBeatFault(beats, fault);
      await beats.allInRedis(handedOverMs);
    },
    240_000,
  );
});
