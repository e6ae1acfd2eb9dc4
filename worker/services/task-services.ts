/** What tasks lean on, passed to each task's module. */
import type { Database } from '../db/index.ts';
import type { QueueName } from '../queues.ts';
import type { Embedder } from './embedding/index.ts';
import type { ParseLimits } from './parsing/limits.ts';
import type { DocumentParser } from './parsing/parse.ts';
import type { Storage } from './storage/storage.ts';
import type { VectorStore } from './vector/store.ts';

export interface TaskServices {
  readonly db: Database;
  readonly storage: Storage;
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
  readonly parser: DocumentParser;
  readonly parseLimits: ParseLimits;
  /**
   * Tasks that are not durable and wait to be taken, by queue.
   * @param queued rows of the ledger that stand in Redis, by queue
   * @returns undefined in a host of the embedded default, which is not told where the private Redis stands
   * @throws when Redis does not answer within seconds
   */
  readonly countNotDurable: (
    queued: ReadonlyMap<string, number>,
  ) => Promise<ReadonlyMap<QueueName, number> | undefined>;
}
