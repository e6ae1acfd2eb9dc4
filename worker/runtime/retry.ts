/** When a failed attempt is tried again. */
import { PermanentError } from '../errors.ts';

export interface RetryPolicy {
  /** Attempts after the first: 3 retries are 4 attempts. */
  readonly retries: number;
  /** Seconds before retry n (from 0), before jitter. */
  readonly delaySeconds: (n: number) => number;
  /** Spread around the delay, so that what failed together does not come back together: 0.1 is +-10 %. */
  readonly jitter: number;
}

/** min(2^n * 60, 3600) seconds: the policy of the platform's user tasks. */
export const exponentialDelay = (n: number) => Math.min(2 ** n * 60, 3600);
export const fixedDelay = (seconds: number) => () => seconds;

export const defaultRetry: RetryPolicy = { retries: 3, delaySeconds: exponentialDelay, jitter: 0.1 };

/**
 * What follows a failed attempt.
 * @param attempts attempts that counted so far, the failed one included
 * @param random in [0, 1)
 */
export function afterFailure(
  policy: RetryPolicy,
  attempts: number,
  error: unknown,
  random: number,
):
  | { readonly retry: true; readonly delayMs: number }
  | { readonly retry: false; readonly reason: 'permanent' | 'spent' } {
  if (error instanceof PermanentError) return { retry: false, reason: 'permanent' };
  if (attempts > policy.retries) return { retry: false, reason: 'spent' };
  const seconds = policy.delaySeconds(attempts - 1);
  return { retry: true, delayMs: Math.round(seconds * 1000 * (1 + policy.jitter * (2 * random - 1))) };
}
