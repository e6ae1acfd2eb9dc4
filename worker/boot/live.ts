/** Live progress in a process: what it writes, and in one with an API also what it reads. */
import type { RedisTargets } from '../config/redis-target.ts';
import type { Database } from '../db/index.ts';
import { connectRedis, type RedisConnection } from '../redis/index.ts';
import { LiveHub, type LiveMetrics, LivePublisher, LiveReader, type NotDurableTasks } from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface OpenedPublisher {
  readonly publisher: LivePublisher;
  /** Where the events' role stands; of use `producer`. */
  readonly connection: RedisConnection;
}

/** Open it before what publishes: then it is closed after that. */
export function openPublisher(
  targets: RedisTargets,
  metrics: LiveMetrics,
  stack: AsyncDisposableStack,
  log: Logger,
): OpenedPublisher {
  const connection = connectRedis(targets.events, 'producer', log);
  stack.defer(() => connection.disconnect());
  const publisher = new LivePublisher({ connection, metrics, log });
  stack.defer(() => publisher.stop());
  return { publisher, connection };
}

export interface HubGround {
  readonly targets: RedisTargets;
  readonly db: Database;
  readonly notDurable: NotDurableTasks;
  /** For questions that must not wait behind the reader's blocks: the publisher's. */
  readonly asking: RedisConnection;
  readonly metrics: LiveMetrics;
  readonly log: Logger;
}

export function openHub(
  { targets, db, notDurable, asking, metrics, log }: HubGround,
  stack: AsyncDisposableStack,
): LiveHub {
  const blocking = connectRedis(targets.events, 'producer', log);
  stack.defer(() => blocking.disconnect());
  const hub = new LiveHub({
    db,
    notDurable,
    openReader: (handlers) => new LiveReader({ blocking, asking, ...handlers, log }),
    metrics,
    log,
  });
  stack.defer(() => hub.stop());
  return hub;
}
