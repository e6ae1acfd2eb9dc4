/** Segments, as people read them. */
import type { Queryable } from '../../db/index.ts';

export interface SegmentRow {
  readonly id: string;
  readonly document_id: string;
  readonly position: number;
  readonly content: string;
  readonly word_count: number;
  readonly tokens: number;
  readonly keywords: readonly string[];
  readonly page: number | null;
  readonly section: string | null;
  readonly status: 'waiting' | 'completed';
  readonly enabled: boolean;
  readonly created_at: Date;
  readonly completed_at: Date | null;
  readonly child_chunks: readonly { readonly id: string; readonly position: number; readonly content: string }[];
}

export interface SegmentPage {
  readonly segments: readonly SegmentRow[];
  readonly total: number;
}

/** Segments of the document's current generation, in order. @param page from 1 */
export async function listSegments(
  db: Queryable,
  tenantId: string,
  documentId: string,
  { page, limit }: { readonly page: number; readonly limit: number },
): Promise<SegmentPage> {
  const from = `from segments s join documents d on d.id = s.document_id and d.generation = s.generation
    where s.tenant_id = $1 and d.tenant_id = $1 and s.document_id = $2 and d.deleted_at is null`;
  const [count] = await db.query<{ total: number }>(`select count(*)::int as total ${from}`, [tenantId, documentId]);
  const segments = await db.query<SegmentRow>(
    `select s.id, s.document_id, s.position, s.content, s.word_count, s.tokens, s.keywords, s.page, s.section, s.status, s.enabled,
            s.created_at, s.completed_at,
            coalesce((select jsonb_agg(jsonb_build_object('id', c.id, 'position', c.position, 'content', c.content) order by c.position)
                        from child_chunks c where c.segment_id = s.id), '[]') as child_chunks
     ${from} order by s.position limit $3 offset $4`,
    [tenantId, documentId, limit, (page - 1) * limit],
  );
  return { segments, total: count?.total ?? 0 };
}
