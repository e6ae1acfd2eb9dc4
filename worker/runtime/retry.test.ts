import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PermanentError } from '../errors.ts';
import { TimeLimitError } from './execution/reasons.ts';
import { afterFailure, defaultRetry, delayAfterTimeout, exponentialDelay, fixedDelay } from './retry.ts';

const error = new Error('the network');
/** A random number of [0, 1) as Math.random gives them. */
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

it('should wait min(2^n * 60, 3600) seconds', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map(exponentialDelay)).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
  expect(exponentialDelay(5000)).toBe(3600);
  expect([0, 1, 9].map(fixedDelay(7))).toEqual([7, 7, 7]);
});

it('should try again three times, and then no more', () => {
  expect([1, 2, 3, 4, 5].map((attempts) => afterFailure(defaultRetry, attempts, error, 0.5))).toEqual([
    { retry: true, delayMs: 60_000 },
    { retry: true, delayMs: 120_000 },
    { retry: true, delayMs: 240_000 },
    { retry: false, reason: 'spent' },
    { retry: false, reason: 'spent' },
  ]);
});

it('should not try again without retries', () => {
  expect(afterFailure({ ...defaultRetry, retries: 0 }, 1, error, 0)).toEqual({ retry: false, reason: 'spent' });
});

it('should never try a permanent error again', () => {
  class DocumentBad extends PermanentError {}
  const permanent = new DocumentBad({ code: 'bad', message: 'It is bad.' });
  for (const attempts of [1, 2, 99])
    expect(afterFailure(defaultRetry, attempts, permanent, 0.5)).toEqual({ retry: false, reason: 'permanent' });
});

it('should try again what was over its time limit when the policy says so, and then as often as a failure', () => {
  const late = new TimeLimitError('noted', 1);
  for (const attempts of [1, 4])
    expect(afterFailure(defaultRetry, attempts, late, 0.5)).toEqual({ retry: false, reason: 'time_limit' });
  const policy = { ...defaultRetry, timeouts: true };
  expect([1, 2, 3, 4].map((attempts) => afterFailure(policy, attempts, late, 0.5))).toEqual([
    { retry: true, delayMs: 60_000 },
    { retry: true, delayMs: 120_000 },
    { retry: true, delayMs: 240_000 },
    { retry: false, reason: 'spent' },
  ]);
  expect([1, 2, 3, 4].map((attempts) => delayAfterTimeout(policy, attempts, 0.5))).toEqual([
    60_000,
    120_000,
    240_000,
    undefined,
  ]);
  expect(delayAfterTimeout(defaultRetry, 1, 0.5)).toBeUndefined();
});

it('should spread delays over the whole of the jitter, both ways', () => {
  expect(afterFailure(defaultRetry, 1, error, 0)).toEqual({ retry: true, delayMs: 54_000 });
  expect(afterFailure(defaultRetry, 1, error, 1 - Number.EPSILON)).toEqual({ retry: true, delayMs: 66_000 });
});

it('should keep within the jitter of the delay, grow with the random number, and decide by attempts alone', () => {
  fc.assert(
    fc.property(
      fc.record({
        retries: fc.nat(60),
        jitter: fc.double({ min: 0, max: 1, noNaN: true }),
        attempts: fc.integer({ min: 1, max: 80 }),
      }),
      random,
      random,
      ({ retries, jitter, attempts }, one, other) => {
        const policy = { retries, jitter, delaySeconds: exponentialDelay };
        const [low, high] = [Math.min(one, other), Math.max(one, other)].map((r) =>
          afterFailure(policy, attempts, error, r),
        );
        if (!low?.retry || !high?.retry) {
          expect([low, high]).toEqual([
            { retry: false, reason: 'spent' },
            { retry: false, reason: 'spent' },
          ]);
          expect(attempts).toBeGreaterThan(retries);
          return;
        }
        expect(attempts).toBeLessThanOrEqual(retries);
        const delayMs = Math.min(2 ** (attempts - 1) * 60, 3600) * 1000;
        expect(low.delayMs).toBeLessThanOrEqual(high.delayMs);
        // a millisecond of rounding
        expect(low.delayMs).toBeGreaterThanOrEqual(delayMs * (1 - jitter) - 1);
        expect(high.delayMs).toBeLessThanOrEqual(delayMs * (1 + jitter) + 1);
        expect(Number.isSafeInteger(low.delayMs)).toBe(true);
      },
    ),
  );
});
