/** The sweeps that every long-running process shares: safe beside their twins, bounded in what they take. */
import type { Config } from '../config/config.ts';
import type { Database } from '../db/index.ts';
import {
  type Broker,
  ensurePartitions,
  type LiveSink,
  type Loop,
  type LoopOptions,
  leaseSeconds,
  type MaintenanceMetrics,
  removeFinished,
  removeFullBuckets,
  startLoop,
  startReconciler,
  startRelay,
  type Window,
} from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';

const retentionIntervalMs = 3_600_000;
/** Buckets of rate limits removed in one round. */
const bucketBatch = 10_000;

/**
 * The length of a lease, in which those that live renew theirs after an outage that this process has not seen. An embedded database has no
 * other process, and what its own last one held is put back before this.
 */
export const quietAtStartMs = ({ database }: Config): number => (database === undefined ? 0 : leaseSeconds * 1000);

export interface MaintenanceDeps {
  readonly config: Config;
  readonly db: Database;
  readonly broker: Broker;
  readonly window: Window;
  /** Told of what expires. */
  readonly live: LiveSink;
  readonly metrics: MaintenanceMetrics;
  readonly log: Logger;
}

/** `relay` is one of the loops: whoever frees a task nudges it. */
export function startMaintenance({ config, db, broker, window, live, metrics, log }: MaintenanceDeps): {
  readonly loops: readonly Loop[];
  readonly relay: Loop;
} {
  const stopping = new AbortController();
  const relay = startRelay({ db, broker, window, live, metrics, log });
  const loops = [
    relay,
    ...startReconciler({ db, broker, quietMs: quietAtStartMs(config), metrics, log }),
    stoppedBy(stopping, {
      name: 'retention',
      intervalMs: retentionIntervalMs,
      log,
      metrics,
      round: async () => {
        await ensurePartitions(db);
        const removed = await removeFinished(db, config.resultTtlSeconds, stopping.signal);
        metrics.tasks('removed', removed.rows);
        await removeFullBuckets(db, bucketBatch);
        if (removed.partitions + removed.rows > 0) log.info(removed, 'removed finished tasks');
        return undefined;
      },
    }),
  ];
  return { loops, relay };
}

/** A loop whose round ends early when it is stopped. */
function stoppedBy(stopping: AbortController, options: LoopOptions): Loop {
  const loop = startLoop(options);
  return {
    nudge: loop.nudge,
    stop: () => {
      stopping.abort();
      return loop.stop();
    },
  };
}
