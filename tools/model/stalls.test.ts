/** Histories after which a task ends, but waits for something slow: a round of the reconciler, the lapse of a lock. */
import { describe, expect, it } from 'vitest';
import { explore } from './explore.ts';
import { asBuilt, type Budget, type Rules, setting } from './rules.ts';

const noCrashNorLoss: readonly (readonly [string, Partial<Budget>, string])[] = [
  ['a retry that is due before the job of the failed attempt is acknowledged', { retries: 1 }, 'fails: RETRYING'],
  [
    'a dead letter that is retried before the job of its last attempt is acknowledged',
    { failures: 1, deadLetterRetries: 1 },
    'somebody retries the dead letter',
  ],
  [
    'a task handed back whose worker heard no answer and so removes the job',
    { handBacks: 1, delays: 1 },
    'writes it again because no answer came',
  ],
  ['a run that was overtaken and removes the job it still holds', { delays: 1 }, 'froze, or its renewals were lost'],
];

/** The words of the shortest history after which nothing but the reconciler, or nothing but a lapsing lock, helps. */
const waitsFor = (slow: 'reconcile' | 'lock', budget: Partial<Budget>, rules: Rules) =>
  explore(setting(budget, { rules })).stuck(slow)?.history.join('\n');

describe('without a crash and without a loss', () => {
  it.each(noCrashNorLoss)('should leave to the reconciler: %s', (_what, budget, step) => {
    const history = waitsFor('reconcile', budget, { ...asBuilt, putBackAfterAck: false });
    expect(history).toContain(step);
    expect(history).toContain('a no-op, an old job of that id still stands');
  });

  it.each(noCrashNorLoss)('should be mended by putting back after acknowledging: %s', (_what, budget) => {
    expect(waitsFor('reconcile', budget, asBuilt)).toBeUndefined();
  });

  it('should keep every promise with that mend', () => {
    const rules: Rules = asBuilt;
    for (const budget of [
      { crashes: 1, delays: 1 },
      { losses: 1, retries: 1 },
    ]) {
      const explored = explore(setting(budget, { rules }));
      expect([explored.broken, explored.stuck()]).toEqual([undefined, undefined]);
    }
  });
});

describe('the lock of a job', () => {
  it('should be waited for when a worker dies, or the answer to its fetch is lost', () => {
    expect(waitsFor('lock', { crashes: 1 }, asBuilt)).toContain('dies');
    expect(waitsFor('lock', { delays: 1 }, asBuilt)).toContain('the answer is lost');
  });

  it('should not be waited for otherwise', () => {
    for (const budget of [{ losses: 2 }, { retries: 2 }, { handBacks: 2 }, { cancels: 1, retries: 1 }]) {
      expect(waitsFor('lock', budget, asBuilt)).toBeUndefined();
    }
  });

  it('should hold a task back for as long as a worker without the database renews it', () => {
    const history = explore(setting({ cutOffs: 1 }, { rules: { ...asBuilt, lockFollowsLease: false } })).stuck()
      ?.history;
    expect(history?.join('\n')).toContain('loses the database for good, and keeps Redis');
  });

  it('should hold nothing back when it is not renewed longer than the lease', () => {
    const rules: Rules = { ...asBuilt, lockFollowsLease: true };
    const explored = explore(setting({ cutOffs: 1, delays: 1 }, { rules }));
    expect([explored.broken, explored.stuck()]).toEqual([undefined, undefined]);
  });
});
