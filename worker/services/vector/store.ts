/** Where vectors are kept and searched, whichever database does it. One driver a file; `contract.ts` holds them all to this. */
import type { Transaction } from '../../db/index.ts';
import { MillraceError } from '../../errors.ts';

/** One vector with what it belongs to. */
export interface VectorPoint {
  /** A UUID; the same id again replaces the point. The id of the child chunk when there is one, else of the segment. */
  readonly id: string;
  readonly tenantId: string;
  readonly datasetId: string;
  readonly documentId: string;
  readonly segmentId: string;
  /** The child chunk that was embedded (hierarchical mode). */
  readonly childId?: string;
  /** Finite numbers, not all zero: a cosine needs a direction. */
  readonly vector: Float32Array;
}

export interface VectorQuery {
  readonly tenantId: string;
  readonly datasetId: string;
  readonly vector: Float32Array;
  /** 1 to `maxTopK`. */
  readonly topK: number;
  /** Least score of a hit, 0..1; none when left out. */
  readonly scoreThreshold?: number;
}

export interface VectorHit {
  readonly pointId: string;
  readonly segmentId: string;
  readonly documentId: string;
  readonly childId?: string;
  /** Cosine similarity, clamped to 0..1; 1 is the same direction. */
  readonly score: number;
}

/** A document or a whole dataset of one tenant; another tenant's is left alone. */
export interface DocumentScope {
  readonly tenantId: string;
  readonly documentId: string;
}
export interface DatasetScope {
  readonly tenantId: string;
  readonly datasetId: string;
}

/** Most hits of one search. */
export const maxTopK = 1_000;
/** Most points of one `upsert` or `deletePoints`. */
export const maxPointsPerCall = 1_000;

/**
 * Vectors of one number of dimensions make a collection. Writes may be given the caller's transaction: a store that lives in
 * the same database then commits with it, another store writes at once, which is why every write can be repeated.
 */
export interface VectorStore {
  /**
   * Makes the collection when it is missing; safe beside others that do the same. Call it before the first `upsert`, outside
   * of any transaction.
   * @throws VectorError `vector_dimensions_unsupported`
   */
  ensureCollection(dimensions: number): Promise<void>;
  /** Adds or replaces points, all of one dimension. @throws VectorError `vector_invalid`, `vector_collection_missing` */
  upsert(points: readonly VectorPoint[], tx?: Transaction): Promise<void>;
  deletePoints(tenantId: string, pointIds: readonly string[], tx?: Transaction): Promise<void>;
  deleteByDocument(scope: DocumentScope, tx?: Transaction): Promise<void>;
  deleteByDataset(scope: DatasetScope, tx?: Transaction): Promise<void>;
  /** Hides a document's points from searches, or shows them again. */
  setEnabled(scope: DocumentScope, enabled: boolean, tx?: Transaction): Promise<void>;
  /** Best first; equal scores by point id. A collection that does not exist has no hits. */
  search(query: VectorQuery): Promise<VectorHit[]>;
}

/** Codes: `vector_dimensions_unsupported`, `vector_invalid`, `vector_collection_missing`, `vector_query_invalid`. */
export class VectorError extends MillraceError {
  override readonly name = 'VectorError';
}

/** What every driver refuses before it asks its database. */
export function checkPoints(points: readonly VectorPoint[]): void {
  if (points.length > maxPointsPerCall)
    throw invalid(`${points.length} points came in one call, at most ${maxPointsPerCall} can.`);
  const dimensions = points[0]?.vector.length;
  const ids = new Set<string>();
  for (const { id, vector } of points) {
    if (vector.length !== dimensions)
      throw invalid(`Vectors of ${dimensions} and of ${vector.length} dimensions came in one call.`);
    checkVector(vector, `The vector of point ${id}`);
    if (ids.has(id)) throw invalid(`The point ${id} came twice in one call.`);
    ids.add(id);
  }
}

export function checkQuery({ topK, vector }: VectorQuery): void {
  checkVector(vector, 'The vector of the query');
  if (!Number.isInteger(topK) || topK < 1 || topK > maxTopK) {
    throw new VectorError({
      code: 'vector_query_invalid',
      message: `A search asks for 1 to ${maxTopK} hits, this one for ${topK}.`,
      hint: 'Choose another top_k.',
    });
  }
}

function checkVector(vector: Float32Array, what: string): void {
  if (!vector.every(Number.isFinite)) throw invalid(`${what} has a number that is not finite.`);
  if (!vector.some((value) => value !== 0)) throw invalid(`${what} has no direction: all its numbers are zero.`);
}

function invalid(message: string): VectorError {
  return new VectorError({
    code: 'vector_invalid',
    message,
    hint: 'This is a defect of the caller or of the embedding model.',
  });
}
