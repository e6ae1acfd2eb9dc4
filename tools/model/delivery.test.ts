import { describe, expect, it } from 'vitest';
import { explore, inWords } from './explore.ts';
import { asBuilt, type Setting, setting } from './rules.ts';
import { broken, weakenings } from './weakened.ts';

/** The promise that was broken, with the history that leads there. */
const faultOf = (explored: ReturnType<typeof explore>) => {
  const fault = explored.broken ?? explored.stuck();
  return fault && inWords(fault);
};

const settings: readonly (readonly [string, Setting])[] = [
  ['nothing happens', setting({})],
  ['two processes die', setting({ crashes: 2 })],
  ['workers freeze and wake again, commands get no answer', setting({ delays: 2 })],
  ['a process dies, a worker freezes, Redis forgets', setting({ crashes: 1, delays: 1, losses: 1 })],
  ['Redis forgets twice and a process dies', setting({ losses: 2, crashes: 1 })],
  ['a handler fails, a process dies, a worker freezes', setting({ retries: 1, crashes: 1, delays: 1 })],
  ['a dead letter is retried', setting({ failures: 1, deadLetterRetries: 1, crashes: 1, delays: 1 })],
  ['a task is cancelled', setting({ cancels: 1, crashes: 1, delays: 1 })],
  ['a worker hands back', setting({ handBacks: 1, crashes: 1, delays: 1 })],
  ['two relays, one of them slow', setting({ delays: 1, crashes: 1 }, { relays: 2 })],
  ['two relays and a retry', setting({ delays: 1, retries: 1 }, { relays: 2 })],
  ['two tasks', setting({ crashes: 1 }, { tasks: 2, workers: 1 })],
  ['a job from elsewhere', setting({ crashes: 1, losses: 1 }, { foreign: true })],
  ['finished rows are removed while Redis brings jobs back', setting({ retentions: 1, losses: 1, delays: 1 })],
];

describe('the rules as they are built', () => {
  it.each(settings)(
    'should keep every promise, and let every accepted task end: %s',
    (_what, bounds) => {
      const explored = explore(bounds);
      expect(faultOf(explored)).toBeUndefined();
      expect(explored.states).toBeGreaterThan(20);
    },
    60_000,
  );
});

describe('a weaker rule', () => {
  it.each(weakenings)('should break a promise when $name', (weakening) => {
    const found = broken(weakening);
    expect(found?.promise).toBe(weakening.breaks);
    process.stdout.write(`When ${weakening.name}, ${found ? inWords(found) : 'nothing breaks'}\n`);
  });
});

describe('a rule that is more than is needed', () => {
  it('should break nothing when the reconciler has no grace: its putting back is a hint like any other', () => {
    const rules = { ...asBuilt, reconcilerGrace: false };
    expect(faultOf(explore(setting({ losses: 1, delays: 1 }, { rules })))).toBeUndefined();
  });

  it('should break nothing when the sweep keeps the epoch: the next claim raises it, and until then nobody is let in', () => {
    const rules = { ...asBuilt, sweepRaisesEpoch: false };
    expect(faultOf(explore(setting({ delays: 2, crashes: 1 }, { rules })))).toBeUndefined();
  });

  it('should break nothing when jobs are acknowledged first: the sweep then finds what was not written', () => {
    const rules = { ...asBuilt, writeBeforeAck: false };
    expect(faultOf(explore(setting({ crashes: 1, delays: 1 }, { rules })))).toBeUndefined();
  });
});

describe('workers that take nothing from the ledger', () => {
  it('should keep every promise too: those of a former release, and mode all', () => {
    const rules = { ...asBuilt, workersPull: false };
    for (const budget of [
      { crashes: 1, delays: 1 },
      { losses: 1, retries: 1 },
      { handBacks: 1, crashes: 1 },
    ])
      expect(faultOf(explore(setting(budget, { rules })))).toBeUndefined();
  });
});

describe('what is not promised', () => {
  it('should run a job from elsewhere again when Redis brings it back after its finished row was removed', () => {
    expect(explore(setting({ losses: 1, retentions: 1 }, { foreign: true })).broken?.promise).toBe(
      'an effect was done twice',
    );
  });
});
