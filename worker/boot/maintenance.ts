/** The sweeps that every long-running process shares: safe beside their twins, bounded in what they take. */
import type { Config } from '../config/config.ts';
import type { Database } from '../db/index.ts';
import {
  type Broker,
  ensurePartitions,
  type Loop,
  removeFinished,
  startLoop,
  startReconciler,
  startRelay,
} from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';

const retentionIntervalMs = 3_600_000;

export function startMaintenance(config: Config, db: Database, broker: Broker, log: Logger): Loop[] {
  return [
    startRelay(db, broker, log),
    ...startReconciler(db, broker, log),
    startLoop({
      name: 'retention',
      intervalMs: retentionIntervalMs,
      log,
      round: async () => {
        await ensurePartitions(db);
        const removed = await removeFinished(db, config.resultTtlSeconds);
        if (removed.partitions + removed.rows > 0) log.info(removed, 'removed finished tasks');
        return undefined;
      },
    }),
  ];
}
