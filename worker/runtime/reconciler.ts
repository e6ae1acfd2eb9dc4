/** The reconciler puts back what was lost on the way: rows that Redis no longer knows, and runs whose lease is over. */
import type { Database } from '../db/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Broker } from './broker.ts';
import { leaseSeconds, stallMs, takeOverLapsed } from './ledger/claim.ts';
import { putBack, queuedSince } from './ledger/handover.ts';
import { type Loop, startLoop } from './loop.ts';
import { type MaintenanceMetrics, noMaintenanceMetrics } from './maintenance-metrics.ts';
import { applyQueueStates } from './queue-control.ts';

/** How long a row may stand as QUEUED before it is looked up in Redis: above the time that its add may take (2 s). */
const queuedGraceSeconds = 3;
const sweepIntervalMs = 5000;
const sweepBatch = 1000;

export interface ReconcilerDeps {
  readonly db: Database;
  readonly broker: Broker;
  /**
   * For so long after the start no lapsed lease is taken over: the database may have been away until just now, with leases that could not be
   * renewed. None when it is left out.
   */
  readonly quietMs?: number | undefined;
  /** Left out, nothing is counted. */
  readonly metrics?: MaintenanceMetrics | undefined;
  readonly log: Logger;
}

/** Two loops, so that a slow Redis does not hold up takeovers. */
export function startReconciler({
  db,
  broker,
  quietMs = 0,
  metrics = noMaintenanceMetrics,
  log,
}: ReconcilerDeps): Loop[] {
  let after: string | undefined;
  /** True from a sweep that did not come back until the database answers again. */
  let outage = false;
  let quietUntil = Date.now() + quietMs;
  return [
    startLoop({
      name: 'lease sweep',
      intervalMs: sweepIntervalMs,
      log,
      metrics,
      round: async () => {
        // after an outage every lease may have lapsed under a worker that lives: it gets the time to renew
        const askedAt = performance.now();
        const wasAway = outage;
        outage = true;
        await db.query('select 1');
        if (wasAway || performance.now() - askedAt > stallMs) quietUntil = Date.now() + leaseSeconds * 1000;
        if (Date.now() < quietUntil) {
          outage = false;
          return undefined;
        }
        const ids = await takeOverLapsed(db, sweepBatch);
        outage = false;
        metrics.tasks('taken_over', ids.length);
        if (ids.length > 0) log.warn({ tasks: ids.length }, 'took over tasks whose worker is gone');
        return ids.length === sweepBatch ? 'again' : undefined;
      },
    }),
    startLoop({
      name: 'reconciler',
      intervalMs: sweepIntervalMs,
      log,
      metrics,
      round: async () => {
        if (!broker.ready) return undefined;
        if (after === undefined) await applyQueueStates(db, broker);
        const rows = await queuedSince(db, queuedGraceSeconds, after, sweepBatch);
        after = rows.length === sweepBatch ? rows.at(-1)?.id : undefined;
        const missing = await broker.missing(rows);
        if (missing.length > 0) {
          const back = await putBack(db, missing);
          metrics.tasks('put_back', back);
          log.warn({ tasks: back }, 'put back tasks that redis no longer knew');
        }
        return after === undefined ? undefined : 'again';
      },
    }),
  ];
}
