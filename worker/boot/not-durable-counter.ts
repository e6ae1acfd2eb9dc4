/** How many tasks wait in Redis alone, for a task that asks: over a connection that lives as long as the look, since hosts have none. */
import type { RedisTargets } from '../config/redis-target.ts';
import { type QueueName, queueNames } from '../queues.ts';
import { notDurableDepth } from '../runtime/index.ts';
import type { TaskServices } from '../services/task-services.ts';
import type { Logger } from '../telemetry/logger.ts';
import { openBroker } from './resources.ts';

/** Longest wait for the connection; each answer has a bound of its own. */
const readyMs = 5000;

export const notDurableCounter =
  (targets: RedisTargets | undefined, log: Logger): TaskServices['countNotDurable'] =>
  async (queued) => {
    if (!targets) return undefined;
    await using stack = new AsyncDisposableStack();
    const broker = openBroker(targets, stack, log);
    await broker.whenReady(readyMs);
    const count = async (queue: QueueName) => {
      const { waiting } = await notDurableDepth(broker, queue, queued.get(queue) ?? 0);
      return [queue, waiting] as const;
    };
    return new Map(await Promise.all(queueNames.map(count)));
  };
