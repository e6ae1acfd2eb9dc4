/** What every mode opens: the database and Redis, from the configuration. Closed in reverse order. */
import type { Config } from '../config/config.ts';
import { type RedisTargets, targetsOfOneServer } from '../config/redis-target.ts';
import { type Database, openPglite, openPostgres } from '../db/index.ts';
import { type DataFolder, openDataFolder } from '../embedded/data-folder.ts';
import { startPrivateRedis } from '../embedded/private-redis.ts';
import { connectRedis, type RedisConnection, type RedisUse } from '../redis/index.ts';
import { Broker } from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';

/** The data folder, held by this process, when anything in it is used. */
export async function holdDataFolder(
  config: Config,
  stack: AsyncDisposableStack,
  log: Logger,
): Promise<DataFolder | undefined> {
  if (config.mode !== 'all') return undefined;
  const folder = await openDataFolder(config.home, log);
  stack.defer(() => folder.release());
  return folder;
}

export async function openDatabase(
  config: Config,
  folder: DataFolder | undefined,
  stack: AsyncDisposableStack,
  log: Logger,
): Promise<Database> {
  const { database: target } = config;
  if (!target && !folder) throw new Error('the configuration names no database');
  const db = target
    ? openPostgres({
        ...target,
        applicationName: `millrace-${config.mode}`,
        onError: (error) => log.warn({ err: error }, 'database connection error'),
      })
    : await openPglite(folder?.database);
  stack.defer(() => db.close());
  return db;
}

/** Where Redis stands; the private one is started when the configuration names none. */
export async function locateRedis(
  config: Config,
  folder: DataFolder | undefined,
  stack: AsyncDisposableStack,
  log: Logger,
): Promise<RedisTargets> {
  if (config.redis) return config.redis;
  if (!folder) throw new Error('the configuration names no redis');
  const server = await startPrivateRedis(folder.redis, log);
  stack.defer(() => server.stop());
  return targetsOfOneServer(server);
}

export function openRedis(
  targets: RedisTargets,
  use: RedisUse,
  stack: AsyncDisposableStack,
  log: Logger,
): RedisConnection {
  const connection = connectRedis(targets.broker, use, log);
  stack.defer(() => connection.disconnect());
  return connection;
}

export function openBroker(targets: RedisTargets, stack: AsyncDisposableStack, log: Logger): Broker {
  const broker = new Broker(openRedis(targets, 'producer', stack, log), log);
  stack.defer(() => broker.close());
  return broker;
}
