/** For a process that is about to end and has no publisher: tells how tasks stand over a connection of its own. */
import { once } from 'node:events';
import { Registry } from 'prom-client';
import type { RedisTarget } from '../../config/redis-target.ts';
import type { Queryable } from '../../db/index.ts';
import { connectRedis } from '../../redis/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { publishStates } from './accepted.ts';
import { createLiveMetrics } from './metrics.ts';
import { LivePublisher } from './publisher.ts';

/** @throws when Redis is not connected by the time of `signal` */
export async function tellOnce(
  { events, db, log }: { readonly events: RedisTarget; readonly db: Queryable; readonly log: Logger },
  ids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const connection = connectRedis(events, 'producer', log);
  try {
    if (connection.status !== 'ready') await once(connection, 'ready', { signal });
    const live = new LivePublisher({ connection, metrics: createLiveMetrics(new Registry()), log });
    await publishStates({ live, db, log }, ids);
    await live.stop();
  } finally {
    connection.disconnect();
  }
}
