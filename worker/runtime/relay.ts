/** The relay hands due rows to BullMQ: those the fast path left, those whose time has come, those put back. */
import type { Database } from '../db/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Broker } from './broker.ts';
import { failpoint } from './failpoints.ts';
import { expireTasks } from './ledger/finish.ts';
import { release } from './ledger/handover.ts';
import { allowances, readWindow, refill, type WindowState } from './ledger/window.ts';
import { publishStates } from './live/accepted.ts';
import { type LiveSink, noLive } from './live/publisher.ts';
import { type Loop, startLoop } from './loop.ts';
import { type MaintenanceMetrics, noMaintenanceMetrics } from './maintenance-metrics.ts';
import type { Window } from './window.ts';

/** A due task is handed over at most this late, and a bit for the round itself; where one look does not pass all who wait, for so many looks as do. */
const relayIntervalMs = 200;
const expiryBatch = 500;
/** Nudges come with every task that others wait for; more rounds than one in this time would serve nobody sooner. */
const nudgeGapMs = 10;

export interface RelayDeps {
  readonly db: Database;
  readonly broker: Broker;
  readonly window: Window;
  /** Told of what expires; left out, nobody is. */
  readonly live?: LiveSink | undefined;
  /** Left out, nothing is counted. */
  readonly metrics?: MaintenanceMetrics | undefined;
  readonly log: Logger;
}

/** Calls `nudge` at once, or as soon as the last call is `gapMs` old; calls meanwhile are one. */
function spaced(nudge: () => void, gapMs: number): () => void {
  let lastAt = 0;
  let pending = false;
  return () => {
    if (pending) return;
    pending = true;
    const waitMs = Math.max(0, lastAt + gapMs - performance.now());
    setTimeout(() => {
      pending = false;
      lastAt = performance.now();
      nudge();
    }, waitMs).unref();
  };
}

export function startRelay({
  db,
  broker,
  window,
  live = noLive,
  metrics = noMaintenanceMetrics,
  log,
}: RelayDeps): Loop {
  /** Where a round ended that did not get through all who wait. */
  let after: WindowState['next'];
  const loop = startLoop({
    name: 'relay',
    intervalMs: relayIntervalMs,
    log,
    metrics,
    round: async () => {
      const expired = await expireTasks(db, expiryBatch);
      if (expired.length > 0) {
        metrics.tasks('expired', expired.length);
        log.info({ expired: expired.length }, 'tasks expired before they were started');
        await broker.drop(expired);
        await publishStates(
          { live, db, log },
          expired.map(({ id }) => id),
        );
      }
      const state = await db.tx((tx) => readWindow(tx, after));
      window.learn(state);
      const from = after;
      after = state.next;
      // Without Redis there is nothing to hand over to; taking rows would only hold them back.
      if (!broker.ready || allowances(state, window.limits).length === 0) return undefined;
      const taken = await refill(db, window.limits, from);
      if (!taken) {
        // another relay lets somebody in now; whom this look has found may be others
        after = from;
        return undefined;
      }
      if (taken.rows.length === 0) return undefined;
      failpoint('marked_queued');
      const added = await broker.add(taken.rows);
      metrics.tasks('handed_over', added.length);
      if (added.length === taken.rows.length) return undefined;
      const stand = new Set(added.map((row) => row.id));
      await release(
        db,
        taken.rows.filter((row) => !stand.has(row.id)),
      );
      throw new Error(`redis took ${added.length} of ${taken.rows.length} jobs`);
    },
  });
  return { nudge: spaced(loop.nudge, nudgeGapMs), stop: loop.stop };
}
