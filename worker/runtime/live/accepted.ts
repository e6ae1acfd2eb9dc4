/** What is told of tasks by those who do not run them: that they were accepted, and that somebody ended or revived them. */
import type { Queryable } from '../../db/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Accepted, NewTask } from '../ledger/accept.ts';
import { readStates } from '../ledger/live.ts';
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

/** Most tasks told of in one call; of more, their ends are found by those who listen to them. */
const maxStates = 1000;

/** Tells how these tasks stand by the ledger now. Never throws: whoever misses it asks the ledger himself. */
export async function publishStates(live: LiveSink, db: Queryable, ids: readonly string[], log: Logger): Promise<void> {
  try {
    for (const row of await readStates(db, ids.slice(0, maxStates))) live.publish(eventOfRow(row, undefined));
  } catch (error) {
    log.debug({ err: error }, 'a change was not told to those who watch');
  }
}
