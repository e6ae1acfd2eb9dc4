/** What the API stands on. Everything is passed in; nothing is looked up. */
import type { Registry } from 'prom-client';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/index.ts';
import type {
  Broker,
  Enqueuer,
  LiveHub,
  LiveSink,
  LiveWorker,
  NotDurableTasks,
  TaskRegistry,
  WindowLimits,
} from '../runtime/index.ts';
import type { Embedder } from '../services/embedding/index.ts';
import type { Storage } from '../services/storage/storage.ts';
import type { VectorStore } from '../services/vector/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ReadinessJson } from './types/operations.ts';

export interface ApiDeps {
  readonly settings: Pick<Config['api'], 'uploadLimitBytes' | 'rateLimit'>;
  /** Of this release, for /openapi.json. */
  readonly version: string;
  readonly db: Database;
  readonly broker: Broker;
  readonly enqueuer: Enqueuer;
  readonly registry: TaskRegistry;
  readonly notDurable: NotDurableTasks;
  /** Told of what the API changes. */
  readonly live: LiveSink;
  /** Who listens in this process. */
  readonly hub: LiveHub;
  /** What the relays go by: window, tenants, rates. */
  readonly limits: WindowLimits;
  readonly storage: Storage;
  readonly embedder: Embedder;
  readonly vectorStore: VectorStore;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Whether this process makes progress. */
  readonly readiness: () => Promise<ReadinessJson>;
  /** Live worker processes. */
  readonly workers: () => Promise<readonly LiveWorker[]>;
}
