/** A client-side limit on requests and tokens a minute, so that an endpoint's own limit is seldom met. */
import { setTimeout as wait } from 'node:timers/promises';

export interface RateLimitSettings {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

const minuteMs = 60_000;

/**
 * Two token buckets, each refilled evenly and holding at most a tenth of a minute's allowance: a burst at the start of a
 * minute never exceeds what any window of a minute allows by more than that.
 */
export class RateLimit {
  private readonly buckets: {
    readonly perMinute: number;
    readonly cost: (tokens: number) => number;
    freeAt: number;
  }[] = [];
  private readonly now: () => number;

  constructor(settings: RateLimitSettings, now: () => number = Date.now) {
    this.now = now;
    if (settings.requestsPerMinute !== undefined)
      this.buckets.push({ perMinute: settings.requestsPerMinute, cost: () => 1, freeAt: 0 });
    if (settings.tokensPerMinute !== undefined)
      this.buckets.push({ perMinute: settings.tokensPerMinute, cost: (tokens) => tokens, freeAt: 0 });
  }

  /** Books a call and says how long it has to wait. Calls are booked in order (virtual scheduling, as in GCRA). */
  reserve(tokens: number): number {
    const now = this.now();
    const burstMs = minuteMs / 10;
    let waitMs = 0;
    for (const bucket of this.buckets) {
      const start = Math.max(bucket.freeAt, now - burstMs);
      bucket.freeAt = start + (bucket.cost(tokens) / bucket.perMinute) * minuteMs;
      waitMs = Math.max(waitMs, start - now);
    }
    return waitMs;
  }

  async take(tokens: number, signal: AbortSignal): Promise<void> {
    await pause(this.reserve(tokens), signal);
  }
}

/** Waits; throws the signal's own reason when it is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (ms <= 0) return;
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/** About how many tokens a text has: four ASCII characters each, one of any other. Errs on the high side. */
export function estimateTokens(texts: readonly string[]): number {
  let quarters = 0;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) quarters += text.charCodeAt(i) < 128 ? 1 : 4;
  }
  return Math.ceil(quarters / 4);
}
