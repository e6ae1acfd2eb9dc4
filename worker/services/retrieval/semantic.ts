/** Search by meaning: the nearest vectors, brought back to their segments. */
import type { Queryable } from '../../db/index.ts';
import { maxTopK, type VectorHit, type VectorStore } from '../vector/store.ts';
import { byScore, type ChildHit, type SearchScope, type SegmentHit } from './hit.ts';
import { fromSearchableSegments } from './searchable.ts';

/** Points asked for at first; several may belong to one segment, or to a document that is no longer searched. */
const minPoints = 20;
const pointsPerSegment = 2;
const growth = 4;

export interface SemanticQuery extends SearchScope {
  readonly vector: Float32Array;
  /** Most segments. */
  readonly limit: number;
  readonly scoreThreshold: number | undefined;
}

/** Segments by their best vector, best first. */
export async function semanticSearch(db: Queryable, store: VectorStore, query: SemanticQuery): Promise<SegmentHit[]> {
  const { tenantId, datasetId, vector, limit, scoreThreshold } = query;
  for (
    let topK = Math.min(maxTopK, Math.max(minPoints, limit * pointsPerSegment));
    ;
    topK = Math.min(maxTopK, topK * growth)
  ) {
    const points = await store.search({
      tenantId,
      datasetId,
      vector,
      topK,
      ...(scoreThreshold === undefined ? {} : { scoreThreshold }),
    });
    const segments = gather(points, await searchable(db, query, points));
    // Fewer points than asked for are all there are.
    if (segments.length >= limit || points.length < topK || topK === maxTopK) return segments.slice(0, limit);
  }
}

async function searchable(db: Queryable, scope: SearchScope, points: readonly VectorHit[]): Promise<Set<string>> {
  if (points.length === 0) return new Set();
  const rows = await db.query<{ id: string }>(`select s.id ${fromSearchableSegments} and s.id = any ($3::uuid[])`, [
    scope.tenantId,
    scope.datasetId,
    [...new Set(points.map((point) => point.segmentId))],
  ]);
  return new Set(rows.map((row) => row.id));
}

function gather(points: readonly VectorHit[], allowed: ReadonlySet<string>): SegmentHit[] {
  const best = new Map<string, { score: number; children: ChildHit[] }>();
  for (const { segmentId, childId, score } of points) {
    if (!allowed.has(segmentId)) continue;
    const segment = best.get(segmentId) ?? { score: 0, children: [] };
    segment.score = Math.max(segment.score, score);
    if (childId !== undefined) segment.children.push({ id: childId, score });
    best.set(segmentId, segment);
  }
  return [...best].map(([segmentId, hit]) => ({ segmentId, ...hit })).sort(byScore);
}
