/** When a failed attempt is tried again. */
import { PermanentError } from '../errors.ts';
import { TimeLimitError } from './execution/reasons.ts';

export interface RetryPolicy {
  /** Attempts after the first: 3 retries are 4 attempts. */
  readonly retries: number;
  /** Seconds before retry n (from 0), before jitter. */
  readonly delaySeconds: (n: number) => number;
  /** Spread around the delay, so that what failed together does not come back together: 0.1 is +-10 %. */
  readonly jitter: number;
  /** Whether an attempt that was over its time limit is tried again as a failed one is; else, and when left out, it is the task's end, TIMED_OUT. */
  readonly timeouts?: boolean;
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
  | { readonly retry: false; readonly reason: 'permanent' | 'time_limit' | 'spent' } {
  if (error instanceof PermanentError) return { retry: false, reason: 'permanent' };
  if (error instanceof TimeLimitError && !policy.timeouts) return { retry: false, reason: 'time_limit' };
  if (attempts > policy.retries) return { retry: false, reason: 'spent' };
  return { retry: true, delayMs: delayMs(policy, attempts, random) };
}

/** Milliseconds until another attempt, should this one, the newest of `attempts`, be over its time limit; undefined: none follows. */
export function delayAfterTimeout(policy: RetryPolicy, attempts: number, random: number): number | undefined {
  return policy.timeouts && attempts <= policy.retries ? delayMs(policy, attempts, random) : undefined;
}

const delayMs = ({ delaySeconds, jitter }: RetryPolicy, attempts: number, random: number): number =>
  Math.round(delaySeconds(attempts - 1) * 1000 * (1 + jitter * (2 * random - 1)));
