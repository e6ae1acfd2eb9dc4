/** What tasks lean on, from the configuration. */
import type { Config } from '../config/config.ts';
import type { RedisTargets } from '../config/redis-target.ts';
import type { Database } from '../db/index.ts';
import { createEmbedder, type Embedder } from '../services/embedding/index.ts';
import { defaultParseLimits } from '../services/parsing/limits.ts';
import { DocumentParser } from '../services/parsing/parse.ts';
import { openStorage, openStorageLater } from '../services/storage/storage.ts';
import type { TaskServices } from '../services/task-services.ts';
import { PgVectorStore } from '../services/vector/pgvector.ts';
import type { Logger } from '../telemetry/logger.ts';
import { notDurableCounter } from './not-durable-counter.ts';

export interface ServiceParts {
  readonly config: Config;
  readonly db: Database;
  /** Undefined in a host of the embedded default, which is not told where the private Redis stands. */
  readonly redis: RedisTargets | undefined;
  readonly log: Logger;
}

export interface ServiceChoices {
  /** Whether storage that cannot be used is found out now, or when it is used. */
  readonly storage: 'now' | 'later';
  /** Somebody else's embedder, for those that do not embed themselves. */
  readonly embedder?: (own: Embedder) => Embedder;
}

/** Services are cheap to open: models, parsers and clients start at their first use. */
export async function openServices(
  { config, db, redis, log }: ServiceParts,
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
    countNotDurable: notDurableCounter(redis, log),
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
