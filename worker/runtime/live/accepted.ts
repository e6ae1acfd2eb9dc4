/** What is told of tasks by those who do not run them: that they were accepted, and that somebody ended or revived them. */
import type { Queryable } from '../../db/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Accepted, NewTask } from '../ledger/accept.ts';
import { cancelledWith, readStates } from '../ledger/live.ts';
import { isTerminal, type TaskRow } from '../ledger/rows.ts';
import { batches } from './batches.ts';
import { eventOfRow, liveEvent, type NewLiveEvent } from './event.ts';
import type { LiveSink } from './publisher.ts';

/** Of a task that this call has made. */
export const acceptedEvent = (row: NewTask, { id, handed }: Accepted, durable: boolean): NewLiveEvent =>
  liveEvent(
    'status',
    {
      taskId: id,
      tenantId: row.tenantId,
      userId: row.userId,
      task: row.name,
      queue: row.queue,
      epoch: 0,
      attempts: 0,
      durable,
    },
    handed ? 'QUEUED' : 'PENDING',
  );

/** Most tasks of flows that are told of because those before them have ended; of more, their ends are found by those who listen. */
const maxFollowers = 5000;

/** Where changes are told, and how they stand. */
interface TellDeps {
  readonly live: LiveSink;
  readonly db: Queryable;
  readonly log: Logger;
}

/**
 * Tells how these tasks stand by the ledger now, and of those that have ended, what their end has cancelled of their flows. Never
 * throws: whoever misses it asks the ledger himself.
 */
export async function publishStates(deps: TellDeps, ids: readonly string[]): Promise<void> {
  try {
    const ended = (await publishRows(deps, ids)).filter((row) => isTerminal(row.status) && row.flow_id !== null);
    await publishCancelledWith(
      deps,
      ended.map(({ id }) => id),
    );
  } catch (error) {
    deps.log.debug({ err: error }, 'a change was not told to those who watch');
  }
}

/** Tells what the end of these has cancelled of their flows. Never throws. */
export async function publishFollowers(deps: TellDeps, ids: readonly string[]): Promise<void> {
  try {
    await publishCancelledWith(deps, ids);
  } catch (error) {
    deps.log.debug({ err: error }, 'what ended with a task was not told to those who watch');
  }
}

async function publishCancelledWith(deps: TellDeps, ids: readonly string[]): Promise<void> {
  for (const some of batches(ids)) {
    const followers = await cancelledWith(deps.db, some, maxFollowers);
    await publishRows(deps, followers);
  }
}

async function publishRows({ live, db }: TellDeps, ids: readonly string[]): Promise<readonly TaskRow[]> {
  const told: TaskRow[] = [];
  for (const some of batches(ids)) {
    const rows = await readStates(db, some);
    for (const row of rows) live.publish(row.tenant_id, () => eventOfRow(row, undefined));
    told.push(...rows);
  }
  return told;
}

/** Of a task that is not durable and was taken out of Redis, which knows nothing of it any more. */
export const removedEvent = (row: TaskRow, reason: string, code = 'cancelled'): NewLiveEvent => {
  const finished_at = new Date();
  const error = { code, message: reason, at: finished_at.toISOString(), attempt: 0 };
  return eventOfRow({ ...row, status: 'CANCELLED', finished_at, error }, undefined, false);
};
