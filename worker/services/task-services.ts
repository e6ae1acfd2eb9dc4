/** What tasks lean on, passed to each task's module. */
import type { Database } from '../db/index.ts';
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
}
