/** The producing side alone: for suites whose workers are processes of their own. */
import type { Database } from '../../worker/db/index.ts';
import { connectRedis } from '../../worker/redis/index.ts';
import {
  Broker,
  createEnqueuer,
  createRegistry,
  type Enqueuer,
  NotDurableTasks,
  noRates,
  type RegisteredTask,
  type TaskRow,
  Window,
} from '../../worker/runtime/index.ts';
import { createLogger } from '../../worker/telemetry/logger.ts';
import { TaskEnds } from './ended.ts';
import type { RedisServers } from './redis.ts';

export interface TestEnqueuer extends AsyncDisposable {
  readonly enqueuer: Enqueuer;
  readonly broker: Broker;
  readonly notDurable: NotDurableTasks;
  /** The row once it is terminal. @throws when that takes longer than `withinMs`. */
  ended(id: string, withinMs: number): Promise<TaskRow>;
}

const log = createLogger({ level: 'fatal' });

export function openEnqueuer(
  db: Database,
  redis: Pick<RedisServers, 'targets'>,
  tasks: readonly RegisteredTask[],
): TestEnqueuer {
  const connection = connectRedis(redis.targets.broker, 'producer', log);
  const broker = new Broker(connection, log);
  const window = new Window({ size: 5000, isolatedPerTenant: 5000, rates: noRates });
  const notDurable = new NotDurableTasks(broker);
  const ends = new TaskEnds({ db, notDurable });
  return {
    broker,
    notDurable,
    enqueuer: createEnqueuer({ db, broker, registry: createRegistry(tasks), window, log }),
    ended: (id, withinMs) => ends.ended(id, withinMs),
    async [Symbol.asyncDispose]() {
      await broker.close();
      connection.disconnect();
    },
  };
}
