/** Searching datasets. */
export { segmentSearchVectorSql } from './full-text.ts';
export type { RetrievalRecord } from './records.ts';
export { type RetrievalModel, type RetrievalModelInput, retrievalModelSchema } from './retrieval-model.ts';
export { maxQueryChars, type RetrievalDeps, RetrievalError, type RetrievalRequest, retrieve } from './retrieve.ts';
