import { describe, expect, it } from 'vitest';
import { estimateTokens, RateLimit } from './rate-limit.ts';

describe('the rate limit', () => {
  it('should never let through more in a minute than is allowed, but for the first burst', () => {
    let now = 1_000_000;
    const limit = new RateLimit({ requestsPerMinute: 100 }, () => now);
    const starts: number[] = [];
    for (let i = 0; i < 400; i++) {
      starts.push(now + limit.reserve(0));
      now += (i * 7_919) % 500;
    }
    for (const start of starts) {
      const within = starts.filter((other) => other >= start && other < start + 60_000).length;
      expect(within).toBeLessThanOrEqual(111);
    }
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  });

  it('should count tokens as well, whichever is scarcer', () => {
    const limit = new RateLimit({ requestsPerMinute: 6_000, tokensPerMinute: 600 }, () => 1_000_000);
    expect(limit.reserve(60)).toBe(0);
    expect(limit.reserve(30)).toBe(0);
    expect(limit.reserve(1)).toBe(3_000);
  });

  it('should not limit what has no limit', () => {
    expect(new RateLimit({}).reserve(1e9)).toBe(0);
  });

  it('should estimate tokens on the high side', () => {
    expect(estimateTokens(['four chars here!', '中文'])).toBe(6);
  });
});
