/** An attempt that was over its time limit, of a task whose policy lets another follow. Where none follows: `failTask`. */
import type { Queryable } from '../../db/index.ts';
import type { Fence, TaskError } from './rows.ts';

/**
 * RETRYING: due again after `delayMs`, by the database's clock. The epoch is raised at once, as at the end that is final:
 * what the handler may still do is refused.
 * @param alone whether it runs alone in a child from now on, since it took its process with it; one that does so already goes on so
 */
export async function retryAfterTimeout(
  db: Queryable,
  fence: Fence,
  error: TaskError,
  delayMs: number,
  alone = false,
): Promise<boolean> {
  const rows = await db.query(
    `update tasks_live
        set status = 'RETRYING', epoch = epoch + 1, owner = null, worker = null, lease_until = null,
            suspect = suspect or $6, due_at = clock_timestamp() + make_interval(secs => $5),
            error = $4::jsonb, error_history = error_history || $4::jsonb
      where id = $1 and epoch = $2 and owner = $3 and status = 'RUNNING' returning id`,
    [fence.id, fence.epoch, fence.owner, JSON.stringify(error), delayMs / 1000, alone],
  );
  return rows.length > 0;
}
