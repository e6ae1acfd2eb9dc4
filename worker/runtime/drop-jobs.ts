/** Jobs of tasks that somebody has ended: in a queue that is paused, or that nobody takes from, they would pile up in Redis. */
import type { Queryable } from '../db/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Broker } from './broker.ts';
import { readStates } from './ledger/live.ts';
import { isTerminal } from './ledger/rows.ts';
import { batches } from './live/batches.ts';

interface DropDeps {
  readonly db: Queryable;
  readonly broker: Broker;
  readonly log: Logger;
}

/** Takes the jobs of these out of Redis, as far as they have ended. Never throws: what stays is dropped when it is fetched. */
export async function dropJobs({ db, broker, log }: DropDeps, ids: readonly string[]): Promise<void> {
  if (!broker.ready) return;
  try {
    for (const some of batches(ids)) {
      const rows = await readStates(db, some);
      await broker.drop(rows.filter(({ status }) => isTerminal(status)));
    }
  } catch (error) {
    log.debug({ err: error, tasks: ids.length }, 'jobs of tasks that have ended stay in redis');
  }
}
