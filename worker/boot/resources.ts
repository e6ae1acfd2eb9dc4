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

/** The connections of a process that runs tasks. */
export interface WorkerDatabase {
  readonly db: Database;
  /** For claims, ends and leases: handlers that hold all other connections hold up none of them. The same as `db` where there is but one connection. */
  readonly reserved: Database;
}

/** Of the pool, at most: two claims and two ends may be under way, and a look at the leases. */
const reservedConnections = 5;

/** As `openDatabase`; what is reserved comes out of the same number of connections. */
export async function openWorkerDatabase(
  config: Config,
  stack: AsyncDisposableStack,
  log: Logger,
): Promise<WorkerDatabase> {
  const { database: target } = config;
  const poolMax = Math.min(reservedConnections, Math.floor((target?.poolMax ?? 0) / 2));
  if (!target || poolMax === 0) {
    const db = await openDatabase(config, undefined, stack, log);
    return { db, reserved: db };
  }
  const reserved = openPostgres({
    ...target,
    poolMax,
    fixedPlans: true,
    applicationName: `millrace-${config.mode}`,
    onError: (error) => log.warn({ err: error }, 'database connection error'),
  });
  stack.defer(() => reserved.close());
  const others = { ...config, database: { ...target, poolMax: target.poolMax - poolMax } };
  return { db: await openDatabase(others, undefined, stack, log), reserved };
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
