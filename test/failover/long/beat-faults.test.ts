/**
 * Two and three beats on each topology: whoever leads is killed, frozen and thawed, or cut off from the database; with three the one
 * that follows as well. And Redis says nothing to the leader. The ledger decides what was fired.
 */
import { describe, expect, it } from 'vitest';
import { beatFaults, standBeatFault } from '../../harness/beat-faults.ts';
import { openBeats, type StandingBeat } from '../../harness/beats.ts';
import { suiteServers } from '../../harness/suite-servers.ts';
import { topologyNames } from '../../harness/topologies.ts';
import { until } from '../../harness/until.ts';

const counts = [2, 3] as const;
/** What stood in Postgres alone while Redis was silent: relays and the reconciler hand it over. */
const handedOverMs = 90_000;
/** Fired one a second: longer than every timeout of a connection to Redis. */
const silentSlots = 20;
const silentMs = 60_000;
/** Of a slot, at most: a wait for hand-overs under way, and what a busy machine adds. */
const lateMs = 5000;

const figures = (row: string, said: object) => process.stdout.write(`${row}: ${JSON.stringify(said)}\n`);

describe.each(topologyNames)('beats on %s', (topology) => {
  const servers = suiteServers(topology);

  describe.each(Object.values(beatFaults))('whose leader $fault', (fault) => {
    it.concurrent.each(counts)('should fire each slot once, followed within 20 s, of %i', async (count) => {
      await using beats = await openBeats({ ...servers, count });
      const tookMs = await standBeatFault(beats, fault);
      await beats.allInRedis(handedOverMs);
      figures(`${topology}, ${count} beats, the leader ${fault.fault}`, { tookMs });
    });
  });

  /** Of one server the way of this beat is cut; of several, none answers anybody. */
  const silence = ({ toRedis }: StandingBeat): (() => void) => {
    if (toRedis) toRedis.blackhole({ newLinksToo: true });
    else for (const node of servers.redis.nodes) node.freeze();
    return () => {
      if (toRedis) toRedis.heal();
      else for (const node of servers.redis.nodes) node.thaw();
    };
  };

  it.each(counts)('should fire on time under the same leader while Redis says nothing to it, of %i', async (count) => {
    await using beats = await openBeats({ ...servers, count });
    const leader = await beats.leader();
    const before = (await beats.firedBy(leader)).length;
    const heal = silence(leader);
    try {
      await until('slots are fired meanwhile', silentMs, async () => {
        return (await beats.firedBy(leader)).length > before + silentSlots;
      });
    } finally {
      heal();
    }
    await beats.goesOn(leader);
    const slots = await beats.expectEachOnce();
    await beats.allInRedis(handedOverMs);
    const mostLateMs = Math.max(...slots.map(({ second, fired_at }) => fired_at.getTime() - second * 1000));
    figures(`${topology}, ${count} beats, Redis says nothing`, { mostLateMs, slots: slots.length });
    expect(mostLateMs).toBeLessThan(lateMs);
    expect(new Set(slots.map(({ term }) => term)).size).toBe(1);
  });
});
