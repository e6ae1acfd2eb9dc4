/** The services that tasks lean on, real ones, with files in a temporary folder. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../worker/db/index.ts';
import { fixedDelay, type RegisteredTask, type RetryPolicy } from '../../worker/runtime/index.ts';
import { createEmbedder, type Embedder } from '../../worker/services/embedding/index.ts';
import { defaultParseLimits } from '../../worker/services/parsing/limits.ts';
import { DocumentParser } from '../../worker/services/parsing/parse.ts';
import { openStorage, type Storage } from '../../worker/services/storage/storage.ts';
import type { TaskServices } from '../../worker/services/task-services.ts';
import { PgVectorStore } from '../../worker/services/vector/pgvector.ts';
import { createTasks } from '../../worker/tasks/registry.ts';
import { type EmbeddingEndpoint, endpointDimensions, endpointModel } from './embedding-endpoint.ts';

/** The platform waits a minute before it tries again; a test has no such patience. */
const quickRetry: RetryPolicy = { retries: 2, delaySeconds: fixedDelay(0.5), jitter: 0 };

export interface TestServices extends AsyncDisposable {
  readonly services: TaskServices;
  /** The tasks of the worker, with `quickRetry`. */
  readonly tasks: readonly RegisteredTask[];
  /** Where files lie. */
  readonly folder: string;
  /** Keys of the files in storage. */
  files(): Promise<string[]>;
  /** Holds back whoever opens a file, until `release`, one after another. */
  readonly slowFiles: SlowFiles;
}

export interface SlowFiles {
  /** From now on. */
  hold(): void;
  /** How many wait. */
  readonly waiting: number;
  /** Lets the one go on that waits longest. */
  releaseOne(): void;
  /** Lets all go on, and those that come. */
  release(): void;
}

/** Storage as slow as a test wants it. */
function slowed(storage: Storage): { storage: Storage; slowFiles: SlowFiles } {
  const waiting: (() => void)[] = [];
  let holding = false;
  return {
    storage: {
      ...storage,
      async open(key) {
        if (holding) await new Promise<void>((resolve) => waiting.push(resolve));
        return storage.open(key);
      },
    },
    slowFiles: {
      hold() {
        holding = true;
      },
      get waiting() {
        return waiting.length;
      },
      releaseOne: () => waiting.shift()?.(),
      release() {
        holding = false;
        for (const go of waiting.splice(0)) go();
      },
    },
  };
}

/** An embedder that asks `endpoint`, and does not try again by itself. */
export const endpointEmbedder = (db: Database, endpoint: EmbeddingEndpoint): Embedder =>
  createEmbedder(
    {
      provider: 'openai_compatible',
      baseUrl: endpoint.baseUrl,
      modelId: endpointModel,
      dimensions: endpointDimensions,
      maxRetries: 0,
      timeoutMs: 10_000,
    },
    { db, fetch: globalThis.fetch },
  );

export async function openTestServices(db: Database, embedder: Embedder): Promise<TestServices> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-storage-'));
  const parser = new DocumentParser();
  const { storage, slowFiles } = slowed(await openStorage({ scheme: 'fs', options: { root: folder } }));
  const services: TaskServices = {
    db,
    embedder,
    parser,
    storage,
    vectors: new PgVectorStore(db),
    parseLimits: defaultParseLimits,
    countNotDurable: async () => new Map(),
  };
  return {
    services,
    folder,
    slowFiles,
    tasks: [...createTasks(services, { sampleTasks: true })].map((task) => ({ ...task, retry: quickRetry })),
    async files() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
    },
    async [Symbol.asyncDispose]() {
      slowFiles.release();
      await parser.close();
      await embedder.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
