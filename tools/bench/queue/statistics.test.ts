import { describe, expect, it } from 'vitest';
import { mean, quantile, ratePerSecond } from './statistics.ts';

describe('a quantile', () => {
  it('should be the nearest rank, whatever the order of the samples', () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0, 0.5, 0.99, 1].map((share) => quantile(samples, share))).toEqual([1, 50, 99, 100]);
  });

  it('should be none of no samples', () => {
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe('a mean', () => {
  it('should be none of no samples', () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(mean([])).toBeNaN();
  });
});

describe('a rate', () => {
  it('should leave out what was before the first event that counts', () => {
    // the first two came late, as in a process that is not warm
    expect(ratePerSecond([0, 5000, 5100, 5200, 5300], 2)).toBe(10);
  });

  it('should be of a part when told where it ends', () => {
    expect(ratePerSecond([0, 100, 200, 10_000], 0, 3)).toBe(10);
  });

  it('should be none of a single event', () => {
    expect(ratePerSecond([1], 0)).toBeNaN();
    expect(ratePerSecond([1, 2], 5)).toBeNaN();
  });
});
