/** Runs that were over their limit and kept the loop busy: their end, written for the process that was killed for them. */
import type { Queryable } from '../../db/index.ts';
import { failTask } from '../ledger/finish.ts';
import { retryAfterTimeout } from '../ledger/timeouts.ts';
import type { WatchedRun } from './watch-table.ts';

/**
 * TIMED_OUT, or RETRYING where the policy of its task lets another attempt follow, behind the fence of each; returns the ids of
 * those that were let in.
 */
export async function endOverdue(db: Queryable, runs: readonly WatchedRun[]): Promise<string[]> {
  const ended: string[] = [];
  for (const { fence, task, attempt, limitSeconds, retryDelayMs } of runs) {
    const error = {
      code: 'time_limit',
      message: `${task} ran for longer than its limit of ${limitSeconds} s, and kept its thread busy; its process was killed.`,
      at: new Date().toISOString(),
      attempt,
    };
    const letIn =
      retryDelayMs === undefined
        ? await failTask(db, fence, error, 'TIMED_OUT')
        : // the next attempt alone in a child: it took a process with it once
          await retryAfterTimeout(db, fence, error, retryDelayMs, true);
    if (letIn) ended.push(fence.id);
  }
  return ended;
}
