/** Two lists of one search made one. */
import { byScore, type SegmentHit } from './hit.ts';

export interface FusionWeights {
  readonly vector: number;
  readonly keyword: number;
}

/** The constant of reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009. */
const rankConstant = 60;

/** Adds scores by their weights, which are brought to a sum of 1; what only one list has scores 0 in the other. */
export function fuseByWeights(
  semantic: readonly SegmentHit[],
  fullText: readonly SegmentHit[],
  { vector, keyword }: FusionWeights,
): SegmentHit[] {
  const total = vector + keyword;
  return merge(
    semantic.map((hit) => ({ ...hit, score: (hit.score * vector) / total })),
    fullText.map((hit) => ({ ...hit, score: (hit.score * keyword) / total })),
  );
}

/** Reciprocal rank fusion, divided by what the first of both lists gets: 1 is first in both, about 0.5 first in one. */
export function fuseByRank(semantic: readonly SegmentHit[], fullText: readonly SegmentHit[]): SegmentHit[] {
  const share = (hit: SegmentHit, index: number) => ({
    ...hit,
    score: (rankConstant + 1) / (rankConstant + 1 + index) / 2,
  });
  return merge(semantic.map(share), fullText.map(share));
}

function merge(...lists: readonly (readonly SegmentHit[])[]): SegmentHit[] {
  const merged = new Map<string, SegmentHit>();
  for (const hit of lists.flat()) {
    const other = merged.get(hit.segmentId);
    merged.set(
      hit.segmentId,
      other ? { ...hit, score: other.score + hit.score, children: [...other.children, ...hit.children] } : hit,
    );
  }
  return [...merged.values()].sort(byScore);
}
