/** Waiting with a bound. */
import { setTimeout as wait } from 'node:timers/promises';

/** What `work` gives, or `late` after `ms`; the work is then left to itself. */
export async function within<T, L>(ms: number, work: Promise<T>, late: () => L | Promise<L>): Promise<T | L> {
  const over = new AbortController();
  const timer = wait(ms, undefined, { signal: over.signal }).then(late);
  // the timer is cut short below
  timer.catch(() => undefined);
  // left behind, it may still fail
  work.catch(() => undefined);
  try {
    return await Promise.race([work, timer]);
  } finally {
    over.abort();
  }
}
