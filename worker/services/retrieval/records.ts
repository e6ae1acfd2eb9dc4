/** What a search answers, in the shape of Dify's `records`. */
import type { Queryable } from '../../db/index.ts';
import type { SearchScope, SegmentHit } from './hit.ts';
import { fromSearchableSegments } from './searchable.ts';

export interface RetrievalRecord {
  readonly segment: {
    readonly id: string;
    /** From 1, within its document. */
    readonly position: number;
    readonly document_id: string;
    readonly document: {
      readonly id: string;
      readonly name: string;
      readonly data_source_type: 'upload_file' | 'text_input';
    };
    readonly content: string;
    readonly word_count: number;
    readonly tokens: number;
    readonly keywords: readonly string[];
    /** Page or slide on which the segment begins, where its format has them. */
    readonly page: number | null;
    readonly section: string | null;
    /** The child chunks that matched, best first; of hierarchical documents found by meaning. */
    readonly child_chunks?: readonly {
      readonly id: string;
      readonly position: number;
      readonly content: string;
      readonly score: number;
    }[];
  };
  /** 0..1, by the method of the search. */
  readonly score: number;
}

interface SegmentRow {
  readonly id: string;
  readonly position: number;
  readonly document_id: string;
  readonly name: string;
  readonly data_source_type: 'upload_file' | 'text_input';
  readonly content: string;
  readonly word_count: number;
  readonly tokens: number;
  readonly keywords: string[];
  readonly page: number | null;
  readonly section: string | null;
}

/** The records of these hits, in their order. One that has left the search since is left out. */
export async function loadRecords(
  db: Queryable,
  scope: SearchScope,
  hits: readonly SegmentHit[],
): Promise<RetrievalRecord[]> {
  if (hits.length === 0) return [];
  const rows = await db.query<SegmentRow>(
    `select s.id, s.position, s.document_id, d.name, d.data_source_type, s.content, s.word_count, s.tokens, s.keywords,
            s.page, s.section
       ${fromSearchableSegments} and s.id = any ($3::uuid[])`,
    [scope.tenantId, scope.datasetId, hits.map((hit) => hit.segmentId)],
  );
  const rowOf = new Map(rows.map((row) => [row.id, row]));
  const chunkOf = await loadChildren(db, scope, hits);
  return hits.flatMap(({ segmentId, score, children }) => {
    const row = rowOf.get(segmentId);
    if (!row) return [];
    const { name, data_source_type, ...segment } = row;
    const chunks = children.flatMap((child) => {
      const chunk = chunkOf.get(child.id);
      return chunk ? [{ ...chunk, score: child.score }] : [];
    });
    const document = { id: row.document_id, name, data_source_type };
    return [{ segment: { ...segment, document, ...(chunks.length > 0 ? { child_chunks: chunks } : {}) }, score }];
  });
}

async function loadChildren(db: Queryable, scope: SearchScope, hits: readonly SegmentHit[]) {
  const ids = hits.flatMap((hit) => hit.children.map((child) => child.id));
  if (ids.length === 0) return new Map<string, never>();
  const rows = await db.query<{ id: string; position: number; content: string }>(
    'select id, position, content from child_chunks where tenant_id = $1 and dataset_id = $2 and id = any ($3::uuid[])',
    [scope.tenantId, scope.datasetId, ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}
