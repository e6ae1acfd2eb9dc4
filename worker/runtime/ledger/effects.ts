/** Effects: a change and its key in one transaction, behind the fence. */
import type { Database, Queryable, Transaction } from '../../db/index.ts';
import { MillraceError } from '../../errors.ts';
import { failpoint } from '../failpoints.ts';
import type { Json } from '../json.ts';
import type { Fence } from './rows.ts';

/** This run was overtaken: cancelled, timed out, or taken over by another worker. Nothing it does is let in any more. */
export class StaleOwnerError extends MillraceError {
  override readonly name = 'StaleOwnerError';

  constructor(fence: Fence) {
    super({ code: 'stale_owner', message: `Task ${fence.id} is no longer held by this run (epoch ${fence.epoch}).` });
  }
}

/** Longest name of a step. */
export const maxStepLength = 200;

/** @throws StaleOwnerError unless the row is still held; locks it until the transaction ends, so that nobody takes it meanwhile. */
export async function holdFence(tx: Queryable, fence: Fence): Promise<void> {
  const held = await tx.query(
    `select 1 from tasks_live where id = $1 and epoch = $2 and owner = $3 and status = 'RUNNING' for update`,
    [fence.id, fence.epoch, fence.owner],
  );
  if (held.length === 0) throw new StaleOwnerError(fence);
}

async function recorded(db: Queryable, fence: Fence, step: string): Promise<{ result: Json } | undefined> {
  const [row] = await db.query<{ result: Json }>('select result from effects where task_id = $1 and step = $2', [
    fence.id,
    step,
  ]);
  return row;
}

/**
 * Runs `work` once for (task, step), in one transaction with its key; returns what was recorded when it was done before.
 * @throws StaleOwnerError
 */
export async function runEffect<T extends Json>(
  db: Database,
  fence: Fence,
  step: string,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  checkStep(step);
  const done = await db.tx(async (tx) => {
    await holdFence(tx, fence);
    const fresh = await tx.query(
      'insert into effects (task_id, step) values ($1, $2) on conflict do nothing returning step',
      [fence.id, step],
    );
    // The recorded result is what this very step returned before, so its type is T.
    if (fresh.length === 0) return ((await recorded(tx, fence, step))?.result ?? null) as T;
    const result = await work(tx);
    await tx.query('update effects set result = $3::jsonb where task_id = $1 and step = $2', [
      fence.id,
      step,
      JSON.stringify(result ?? null),
    ]);
    return result;
  });
  failpoint('effect_committed');
  return done;
}

/** Calls the outside with the step's key and records the answer; what is recorded is not called again. */
export async function runExternal<T extends Json>(
  db: Database,
  fence: Fence,
  step: string,
  call: (key: string) => Promise<T>,
): Promise<T> {
  checkStep(step);
  const before = await recorded(db, fence, step);
  if (before) return before.result as T;
  const result = await call(`${fence.id}:${step}`);
  return runEffect(db, fence, step, async () => result);
}

function checkStep(step: string): void {
  if (step.length === 0 || step.length > maxStepLength) {
    throw new MillraceError({
      code: 'step_name_invalid',
      message: `A step's name has 1 to ${maxStepLength} characters, instead got ${step.length}.`,
    });
  }
}
