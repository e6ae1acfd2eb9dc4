/** What tasks lean on, passed to each task's module. */
import type { Database } from '../db/index.ts';
import type { Embedder } from '../services/embedding/index.ts';
import type { ParseLimits } from '../services/parsing/limits.ts';
import type { DocumentParser } from '../services/parsing/parse.ts';
import type { Storage } from '../services/storage/storage.ts';
import type { VectorStore } from '../services/vector/store.ts';

export interface TaskServices {
  readonly db: Database;
  readonly storage: Storage;
  readonly embedder: Embedder;
  readonly vectors: VectorStore;
  readonly parser: DocumentParser;
  readonly parseLimits: ParseLimits;
}
