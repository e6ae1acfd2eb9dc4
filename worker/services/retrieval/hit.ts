/** What each search method finds. */

/** A child chunk that matched, with the likeness of its own. */
export interface ChildHit {
  readonly id: string;
  readonly score: number;
}

/** A segment that matched. */
export interface SegmentHit {
  readonly segmentId: string;
  /** 0..1, comparable within one method only. */
  readonly score: number;
  /** Best first; empty unless the segment was found by its child chunks. */
  readonly children: readonly ChildHit[];
}

/** Where a search looks. */
export interface SearchScope {
  readonly tenantId: string;
  readonly datasetId: string;
}

/** Best first; equal scores in a fixed order, so that pages and tests are stable. */
export function byScore(a: SegmentHit, b: SegmentHit): number {
  return b.score - a.score || (a.segmentId < b.segmentId ? -1 : 1);
}
