/** Ends of a run that are no attempt: its child died, or it could not be started. */
import type { Database, Queryable } from '../../db/index.ts';
import { neverStarted } from './claim.ts';
import { failTask } from './finish.ts';
import type { Fence, TaskError } from './rows.ts';

/** Children that a task may bring down before it is given up. */
export const maxDeaths = 3;

const fenced = `id = $1 and epoch = $2 and owner = $3 and status = 'RUNNING'`;
const ofFence = (fence: Fence) => [fence.id, fence.epoch, fence.owner] as const;

/** PENDING again after its child died of it: the death counts, the attempt does not, and it stays alone in a child. */
export async function putBackAfterDeath(db: Queryable, fence: Fence, death: TaskError): Promise<boolean> {
  const rows = await db.query(
    `update tasks_live
        set status = 'PENDING', epoch = epoch + 1, owner = null, worker = null, lease_until = null, due_at = clock_timestamp(),
            attempts = greatest(attempts - 1, 0), deaths = deaths + 1, suspect = true,
            error = $4::jsonb, error_history = error_history || $4::jsonb
      where ${fenced} returning id`,
    [...ofFence(fence), JSON.stringify(death)],
  );
  return rows.length > 0;
}

/** FAILED, kept as a dead letter: this death was one too many. */
export async function giveUpAfterDeath(
  db: Database,
  fence: Fence,
  death: TaskError,
  reason: TaskError,
): Promise<boolean> {
  return db.tx(async (tx) => {
    const rows = await tx.query(
      `update tasks_live set deaths = deaths + 1, error_history = error_history || $4::jsonb where ${fenced} returning id`,
      [...ofFence(fence), JSON.stringify(death)],
    );
    return rows.length > 0 && failTask(tx, fence, reason, 'FAILED');
  });
}

/** PENDING again and due after `delayMs`, as if the attempt had not been: this process has no place to run it in. */
export async function postponeTask(db: Queryable, fence: Fence, delayMs: number): Promise<boolean> {
  const rows = await db.query(
    `update tasks_live
        set status = 'PENDING', epoch = epoch + 1, owner = null, worker = null, lease_until = null,
            due_at = clock_timestamp() + make_interval(secs => $4), attempts = greatest(attempts - 1, 0), ${neverStarted}
      where ${fenced} returning id`,
    [...ofFence(fence), delayMs / 1000],
  );
  return rows.length > 0;
}
