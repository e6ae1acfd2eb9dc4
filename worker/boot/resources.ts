/** What every mode opens: the database, Redis and the services, from the configuration. Closed in reverse order. */
import type { Config } from '../config/config.ts';
import { type RedisTargets, targetsOfOneServer } from '../config/redis-target.ts';
import { type Database, openPglite, openPostgres } from '../db/index.ts';
import { type DataFolder, openDataFolder } from '../embedded/data-folder.ts';
import { startPrivateRedis } from '../embedded/private-redis.ts';
import { connectRedis, type RedisConnection, type RedisUse } from '../redis/index.ts';
import { Broker } from '../runtime/index.ts';
import { createEmbedder, type Embedder } from '../services/embedding/index.ts';
import { defaultParseLimits } from '../services/parsing/limits.ts';
import { DocumentParser } from '../services/parsing/parse.ts';
import { openStorage, openStorageLater } from '../services/storage/storage.ts';
import type { TaskServices } from '../services/task-services.ts';
import { PgVectorStore } from '../services/vector/pgvector.ts';
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

export interface ServiceChoices {
  /** Whether storage that cannot be used is found out now, or when it is used. */
  readonly storage: 'now' | 'later';
  /** Somebody else's embedder, for those that do not embed themselves. */
  readonly embedder?: (own: Embedder) => Embedder;
}

/** Services are cheap to open: models, parsers and clients start at their first use. */
export async function openServices(
  config: Config,
  db: Database,
  stack: AsyncDisposableStack,
  choices: ServiceChoices,
): Promise<TaskServices> {
  const parser = new DocumentParser();
  stack.defer(() => parser.close());
  const own = embedderOf(config, db);
  const embedder = choices.embedder?.(own) ?? own;
  stack.defer(() => embedder.close());
  return {
    db,
    embedder,
    parser,
    // the file system's only option is a folder
    storage:
      choices.storage === 'later' && config.storage.scheme === 'fs'
        ? openStorageLater(config.storage)
        : await openStorage(config.storage),
    vectors: new PgVectorStore(db),
    parseLimits: {
      ...defaultParseLimits,
      wallMs: config.parsing.baseTimeMs,
      rssBytes: config.parsing.memoryBytes,
    },
  };
}

function embedderOf({ embedding }: Config, db: Database): Embedder {
  if (embedding.provider === 'embedded') return createEmbedder(embedding, { db, fetch });
  return createEmbedder(
    {
      provider: 'openai_compatible',
      baseUrl: embedding.baseUrl,
      modelId: embedding.model,
      dimensions: embedding.dimensions,
      batchSize: embedding.batchSize,
      timeoutMs: embedding.timeoutMs,
      ...(embedding.apiKey === undefined ? {} : { apiKey: embedding.apiKey }),
      ...(embedding.requestsPerMinute === 0 ? {} : { requestsPerMinute: embedding.requestsPerMinute }),
    },
    { db, fetch },
  );
}
