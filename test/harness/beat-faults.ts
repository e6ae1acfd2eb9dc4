/** What befalls the beat that leads, and what is held to afterwards. */
import { expect } from 'vitest';
import { type Beats, type StandingBeat, takeoverMs } from './beats.ts';
import { until } from './until.ts';

/** A leader that hears nothing knows by itself that its lease (15 s) is over; and what a busy machine adds. */
const knowsMs = 20_000;
/** A connection that was cut is left at the end of MILLRACE_STATEMENT_TIMEOUT (30 s) and 5 s. */
const returnsMs = 60_000;

export interface BeatFault {
  /** As "whose leader …". */
  readonly fault: string;
  readonly strike: (leader: StandingBeat) => unknown;
  /** Undefined: it does not come back. */
  readonly mend?: (leader: StandingBeat) => unknown;
  /** Whether it runs meanwhile, and can tell what it takes itself for. */
  readonly runs: boolean;
}

export const beatFaults = {
  killed: { fault: 'is killed', strike: (leader) => leader.kill(), runs: false },
  frozen: {
    fault: 'is frozen and thawed',
    strike: (leader) => leader.child.kill('SIGSTOP'),
    mend: (leader) => leader.child.kill('SIGCONT'),
    runs: false,
  },
  cutOff: {
    fault: 'is cut off from the database',
    strike: (leader) => leader.toDatabase.blackhole({ newLinksToo: true }),
    mend: (leader) => leader.toDatabase.heal(),
    runs: true,
  },
} as const satisfies Readonly<Record<string, BeatFault>>;

const saysItLeads = async (beat: StandingBeat) => (await beat.metric('millrace_beat_leader')) === 1;

/**
 * Strikes one leader after another until one beat is left, mends those that come back, and holds the ledger to the promise: each
 * slot once, the next leader within 20 s, nothing fired by those before it any more.
 * @returns milliseconds that each takeover took, to the first slot
 */
export async function standBeatFault(beats: Beats, { strike, mend, runs }: BeatFault): Promise<number[]> {
  const struck: StandingBeat[] = [];
  const took: number[] = [];
  let leader = await beats.leader();
  expect(await saysItLeads(leader)).toBe(true);
  while (struck.length < beats.all.length - 1) {
    const old = leader;
    struck.push(old);
    const at = Date.now();
    await strike(old);
    const next = await beats.follower(struck);
    took.push(next.firstAt - at);
    if (runs) await until('it knows that it no longer leads', knowsMs, async () => !(await saysItLeads(old)));
    leader = next.beat;
  }
  if (mend) {
    for (const beat of struck) await mend(beat);
    for (const beat of struck)
      await until('the one that came back knows', returnsMs, async () => !(await saysItLeads(beat)));
    for (const beat of struck) await until('the one that came back makes progress', returnsMs, beat.ready);
  }
  await beats.goesOn(leader);
  expect(await beats.leader()).toBe(leader);
  expect(await saysItLeads(leader)).toBe(true);
  const slots = await beats.expectEachOnce();
  expect(Math.max(...took)).toBeLessThan(takeoverMs);
  // one takeover for each that was struck: none came back in between, and no term was given up
  expect(new Set(slots.map(({ term }) => term)).size).toBe(beats.all.length);
  return took;
}
