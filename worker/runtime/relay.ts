/** The relay hands due rows to BullMQ: those the fast path missed, those whose time has come, those put back. */
import type { Database } from '../db/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Broker } from './broker.ts';
import { expireTasks } from './ledger/finish.ts';
import { markQueued, releaseHandover, takeDue } from './ledger/handover.ts';
import { type Loop, startLoop } from './loop.ts';

/** A due task is handed over at most this late, and a bit for the round itself. */
const relayIntervalMs = 200;
const relayBatch = 500;

export function startRelay(db: Database, broker: Broker, log: Logger): Loop {
  return startLoop({
    name: 'relay',
    intervalMs: relayIntervalMs,
    log,
    round: async () => {
      const expired = await expireTasks(db, relayBatch);
      if (expired > 0) log.info({ expired }, 'tasks expired before they were started');
      // Without Redis there is nothing to hand over to; taking rows would only hold them back.
      if (!broker.ready) return undefined;
      const due = await takeDue(db, relayBatch);
      if (due.length === 0) return undefined;
      const added = await broker.add(due);
      if (added.length > 0) await markQueued(db, added);
      if (added.length < due.length) {
        const taken = new Set(added.map((row) => row.id));
        await releaseHandover(
          db,
          due.filter((row) => !taken.has(row.id)).map((row) => row.id),
        );
        throw new Error(`redis took ${added.length} of ${due.length} jobs`);
      }
      return due.length === relayBatch ? 'again' : undefined;
    },
  });
}
