import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Loop, startLoop } from './loop.ts';

const intervalMs = 1000;
/** The pause is spread by +-10 %. */
const longestMs = intervalMs * 1.1;

let loop: Loop | undefined;
let lines: { msg: string; failures: number; loop: string }[];
const log = pino({ level: 'debug' }, { write: (line) => lines.push(JSON.parse(line)) });

beforeEach(() => {
  lines = [];
  loop = undefined;
});
afterEach(() => loop?.stop());

/** A round that ends when it is told to, and counts itself. */
function gated() {
  const rounds: PromiseWithResolvers<'again' | undefined>[] = [];
  let running = 0;
  let most = 0;
  return {
    rounds,
    most: () => most,
    round: async () => {
      running += 1;
      most = Math.max(most, running);
      const gate = Promise.withResolvers<'again' | undefined>();
      rounds.push(gate);
      try {
        return await gate.promise;
      } finally {
        running -= 1;
      }
    },
  };
}
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

it('should begin with a round at once', () => {
  const work = gated();
  loop = startLoop({ name: 'sweep', intervalMs, log, round: work.round });
  expect(work.rounds).toHaveLength(1);
  work.rounds[0]?.resolve(undefined);
});

it('should never run two rounds side by side, however often it is nudged', async () => {
  const work = gated();
  loop = startLoop({ name: 'sweep', intervalMs: 1, log, round: work.round });
  for (let round = 0; round < 20; round += 1) {
    loop.nudge();
    loop.nudge();
    await turn();
    expect(work.rounds).toHaveLength(round + 1);
    work.rounds[round]?.resolve(undefined);
    await vi.waitFor(() => expect(work.rounds.length).toBe(round + 2), { interval: 1 });
  }
  expect(work.most()).toBe(1);
  work.rounds.at(-1)?.resolve(undefined);
});

it('should pause between rounds', async () => {
  const at: number[] = [];
  const done = Promise.withResolvers<void>();
  loop = startLoop({
    name: 'sweep',
    intervalMs: 50,
    log,
    round: async () => {
      at.push(performance.now());
      if (at.length === 4) done.resolve();
      return undefined;
    },
  });
  await done.promise;
  const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  // timers of Node may be a millisecond early
  for (const pause of pauses) expect(pause).toBeGreaterThanOrEqual(50 * 0.9 - 2);
});

it('should go on at once while there is more to do', async () => {
  const started = performance.now();
  let left = 5;
  const done = Promise.withResolvers<void>();
  loop = startLoop({
    name: 'sweep',
    intervalMs: 60_000,
    log,
    round: async () => {
      left -= 1;
      if (left > 0) return 'again';
      done.resolve();
      return undefined;
    },
  });
  await done.promise;
  expect(performance.now() - started).toBeLessThan(longestMs);
});

it('should do the next round at once when it is nudged in a pause, and another when it is nudged in a round', async () => {
  const work = gated();
  loop = startLoop({ name: 'sweep', intervalMs: 60_000, log, round: work.round });
  work.rounds[0]?.resolve(undefined);
  await turn();
  expect(work.rounds).toHaveLength(1);
  loop.nudge();
  await vi.waitFor(() => expect(work.rounds).toHaveLength(2), { interval: 1 });
  // what the nudge is about may have come after this round looked
  loop.nudge();
  work.rounds[1]?.resolve(undefined);
  await vi.waitFor(() => expect(work.rounds).toHaveLength(3), { interval: 1 });
  work.rounds[2]?.resolve(undefined);
  await turn();
  await turn();
  expect(work.rounds).toHaveLength(3);
});

it('should end a pause at once when it is stopped, and do no more rounds', async () => {
  let rounds = 0;
  loop = startLoop({
    name: 'sweep',
    intervalMs: 60_000,
    log,
    round: async () => {
      rounds += 1;
      return undefined;
    },
  });
  await turn();
  await loop.stop();
  loop.nudge();
  await turn();
  expect(rounds).toBe(1);
});

it('should wait for the round that runs when it is stopped, even one that would go on', async () => {
  const work = gated();
  loop = startLoop({ name: 'sweep', intervalMs, log, round: work.round });
  let ended = false;
  const stopping = loop.stop().then(() => {
    ended = true;
  });
  await turn();
  expect(ended).toBe(false);
  work.rounds[0]?.resolve('again');
  await stopping;
  expect(work.rounds).toHaveLength(1);
});

it('should log the first failure of a row, then rarely, wait longer after each, and begin anew after a success', async () => {
  const at: number[] = [];
  const done = Promise.withResolvers<void>();
  const fails = [true, true, true, false, true];
  loop = startLoop({
    name: 'sweep',
    intervalMs: 1,
    log,
    round: async () => {
      const failing = fails[at.length];
      at.push(performance.now());
      if (failing === undefined) done.resolve();
      if (failing) throw new Error('the database is away');
      return undefined;
    },
  });
  await done.promise;
  const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  // 100 ms x 2, 4, 8 after the first three failures, none after the success, x 2 after the next
  for (const [index, least] of [200, 400, 800, 0, 200].entries())
    expect(pauses[index], `pause ${index}`).toBeGreaterThanOrEqual(least * 0.9 - 2);
  expect(pauses[3]).toBeLessThan(150);
  expect(lines.map(({ failures, msg, loop: name }) => ({ failures, msg, name }))).toEqual([
    { failures: 1, msg: 'sweep failed and goes on trying', name: 'sweep' },
    { failures: 1, msg: 'sweep failed and goes on trying', name: 'sweep' },
  ]);
});
