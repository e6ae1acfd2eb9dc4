/** Searching a dataset. */
import type { Database } from '../../db/index.ts';
import { MillraceError } from '../../errors.ts';
import type { Embedder } from '../embedding/embedder.ts';
import type { VectorStore } from '../vector/store.ts';
import { fullTextSearch } from './full-text.ts';
import { fuseByRank, fuseByWeights } from './fuse.ts';
import type { SegmentHit } from './hit.ts';
import { keywordSearch } from './keyword-search.ts';
import { loadRecords, type RetrievalRecord } from './records.ts';
import type { RetrievalModel, SearchMethod } from './retrieval-model.ts';
import { semanticSearch } from './semantic.ts';

export interface RetrievalDeps {
  readonly db: Database;
  readonly vectors: VectorStore;
  readonly embedder: Embedder;
}

export interface RetrievalRequest {
  readonly tenantId: string;
  readonly datasetId: string;
  readonly query: string;
  readonly retrievalModel: RetrievalModel;
  readonly signal?: AbortSignal;
}

/** Longest query, in UTF-16 code units: a question, not a document. */
export const maxQueryChars = 2_000;
/** Hits of each method that a hybrid search fuses: more than it returns, since the best of both may be the first of neither. */
const candidatesPerRecord = 4;
const minCandidates = 40;

/** Codes: `query_empty`, `query_too_long`, `dataset_not_found`, `embedding_model_mismatch`. */
export class RetrievalError extends MillraceError {
  override readonly name = 'RetrievalError';
}

interface DatasetRow {
  readonly indexing_technique: 'high_quality' | 'economy';
  readonly embedding_model: string | null;
  readonly embedding_dimensions: number | null;
}

/**
 * The best segments for a query, best first, at most `top_k`. A dataset of `economy` has only keywords, so those are
 * searched whatever the method.
 * @throws RetrievalError, or what the embedder throws
 */
export async function retrieve(deps: RetrievalDeps, request: RetrievalRequest): Promise<RetrievalRecord[]> {
  const query = checkedQuery(request.query);
  const { tenantId, datasetId, retrievalModel } = request;
  const [dataset] = await deps.db.query<DatasetRow>(
    `select indexing_technique, embedding_model, embedding_dimensions from datasets
      where tenant_id = $1 and id = $2 and deleted_at is null`,
    [tenantId, datasetId],
  );
  if (!dataset) {
    throw new RetrievalError({
      code: 'dataset_not_found',
      message: `There is no dataset ${datasetId}.`,
      hint: 'GET /v1/datasets lists those that are there.',
    });
  }
  const method = dataset.indexing_technique === 'economy' ? 'keyword_search' : retrievalModel.search_method;
  const hits = await search(deps, { ...request, query }, dataset, method);
  const threshold = thresholdOf(retrievalModel);
  const best = hits.filter((hit) => threshold === undefined || hit.score >= threshold).slice(0, retrievalModel.top_k);
  return loadRecords(deps.db, { tenantId, datasetId }, best);
}

function search(
  deps: RetrievalDeps,
  request: RetrievalRequest,
  dataset: DatasetRow,
  method: SearchMethod,
): Promise<SegmentHit[]> {
  const { top_k: topK } = request.retrievalModel;
  switch (method) {
    case 'semantic_search':
      return byMeaning(deps, request, dataset, topK, thresholdOf(request.retrievalModel));
    case 'full_text_search':
      return fullTextSearch(deps.db, request, request.query, topK);
    case 'keyword_search':
      return keywordSearch(deps.db, request, request.query, topK);
    case 'hybrid_search':
      return hybrid(deps, request, dataset);
  }
}

async function hybrid(deps: RetrievalDeps, request: RetrievalRequest, dataset: DatasetRow): Promise<SegmentHit[]> {
  const { top_k: topK, weights } = request.retrievalModel;
  const limit = Math.max(minCandidates, topK * candidatesPerRecord);
  const [semantic, fullText] = await Promise.all([
    byMeaning(deps, request, dataset, limit, undefined),
    fullTextSearch(deps.db, request, request.query, limit),
  ]);
  if (!weights) return fuseByRank(semantic, fullText);
  const { vector_setting, keyword_setting } = weights;
  return fuseByWeights(semantic, fullText, {
    vector: vector_setting.vector_weight,
    keyword: keyword_setting.keyword_weight,
  });
}

async function byMeaning(
  { db, vectors, embedder }: RetrievalDeps,
  { tenantId, datasetId, query, signal }: RetrievalRequest,
  dataset: DatasetRow,
  limit: number,
  scoreThreshold: number | undefined,
): Promise<SegmentHit[]> {
  if (dataset.embedding_model !== embedder.model || dataset.embedding_dimensions !== embedder.dimensions) {
    throw new RetrievalError({
      code: 'embedding_model_mismatch',
      message:
        `The dataset was indexed with ${dataset.embedding_model} (${dataset.embedding_dimensions} dimensions), ` +
        `this process embeds with ${embedder.model} (${embedder.dimensions}).`,
      hint: 'Set the embedding model back to that of the dataset, or index its documents into a new dataset.',
    });
  }
  const [vector] = await embedder.embed([query], { kind: 'query', ...(signal ? { signal } : {}) });
  if (!vector) throw new Error(`The embedder ${embedder.model} gave no vector for a query.`);
  return semanticSearch(db, vectors, { tenantId, datasetId, vector, limit, scoreThreshold });
}

function thresholdOf({
  score_threshold_enabled: enabled,
  score_threshold: threshold,
}: RetrievalModel): number | undefined {
  return enabled && threshold !== null ? threshold : undefined;
}

function checkedQuery(query: string): string {
  // Postgres takes no NUL in a text.
  const text = query.replaceAll('\0', ' ').toWellFormed().trim();
  if (text === '') {
    throw new RetrievalError({
      code: 'query_empty',
      message: 'The query is empty.',
      hint: 'Send the question in `query`.',
    });
  }
  if (text.length > maxQueryChars) {
    throw new RetrievalError({
      code: 'query_too_long',
      message: `The query has ${text.length} characters, at most ${maxQueryChars} can be searched for.`,
      hint: 'Ask a shorter question.',
    });
  }
  return text;
}
