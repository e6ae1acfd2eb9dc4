/** The segments that a run stores: waiting, then completed with their vectors. */
import { v5 as uuidv5 } from 'uuid';
import type { Queryable } from '../../db/index.ts';
import type { Segment } from '../document.ts';
import { segmentSearchVectorSql } from '../retrieval/full-text.ts';
import { type DocumentRun, type IndexableDocument, standing } from './indexing-run.ts';

const segmentNamespace = '0c7f2b7e-3a55-4c53-8f0a-9d5a6c1e2b40';

/** The same segment of the same run has the same id, so that a resumed run never doubles one. */
const segmentId = (run: DocumentRun, position: number) =>
  uuidv5(`${run.id}:${run.generation}:${position}`, segmentNamespace);

/** Segments of a run that are stored: gapless from 1, so their number is where a resumed run goes on. */
export async function storedSegments(db: Queryable, run: DocumentRun): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'select coalesce(max(position), 0)::int as count from segments where document_id = $1 and generation = $2',
    [run.id, run.generation],
  );
  return row?.count ?? 0;
}

/**
 * Stores segments; those that are there already stay as they are. They are `waiting` for their vectors; without embedding
 * there is nothing to wait for, and writing each row once instead of twice halves the work.
 */
export async function insertSegments(
  tx: Queryable,
  document: IndexableDocument,
  segments: readonly Segment[],
): Promise<void> {
  const rows = segments.map((segment) => ({
    id: segmentId(document, segment.position),
    position: segment.position,
    content: segment.content,
    words: segment.wordCount,
    tokens: segment.tokens,
    keywords: segment.keywords,
    search: segment.searchText,
    page: segment.page,
    section: segment.section,
  }));
  await tx.query(
    `insert into segments (id, tenant_id, dataset_id, document_id, generation, position, content, word_count, tokens, keywords,
                           search, page, section, status, completed_at)
     select r.id, $2, $3, $4, $5, r.position, r.content, r.words, r.tokens, r.keywords, ${segmentSearchVectorSql('r.search')}, r.page,
            r.section, case when $6 then 'waiting' else 'completed' end, case when $6 then null else now() end
       from jsonb_to_recordset($1::jsonb) as r (id uuid, position int, content text, words int, tokens int, keywords text[],
            search text, page int, section text)
     on conflict do nothing`,
    [
      JSON.stringify(rows),
      document.tenantId,
      document.datasetId,
      document.id,
      document.generation,
      document.embedding !== undefined,
    ],
  );
  const children = segments.flatMap((segment) => {
    const parent = segmentId(document, segment.position);
    return (segment.children ?? []).map((child) => ({
      id: uuidv5(String(child.position), parent),
      segment: parent,
      position: child.position,
      content: child.content,
    }));
  });
  if (children.length === 0) return;
  await tx.query(
    `insert into child_chunks (id, tenant_id, dataset_id, document_id, segment_id, position, content)
     select r.id, $2, $3, $4, r.segment, r.position, r.content
       from jsonb_to_recordset($1::jsonb) as r (id uuid, segment uuid, position int, content text)
     on conflict do nothing`,
    [JSON.stringify(children), document.tenantId, document.datasetId, document.id],
  );
}

/** A segment that waits for its vectors; in hierarchical mode its children are what is embedded. */
export interface WaitingSegment {
  readonly id: string;
  readonly position: number;
  readonly content: string;
  readonly children: readonly { readonly id: string; readonly content: string }[];
}

/** The next segments that wait behind a position, in order. */
export async function waitingSegments(
  db: Queryable,
  run: DocumentRun,
  after: number,
  limit: number,
): Promise<WaitingSegment[]> {
  return db.query<WaitingSegment>(
    `select s.id, s.position, s.content,
            coalesce((select jsonb_agg(jsonb_build_object('id', c.id, 'content', c.content) order by c.position)
                        from child_chunks c where c.segment_id = s.id), '[]') as children
       from segments s
      where s.document_id = $1 and s.generation = $2 and s.position > $3 and s.status = 'waiting' order by s.position limit $4`,
    [run.id, run.generation, after, limit],
  );
}

/** Marks segments as searchable and counts those that were not yet. False when the run does not stand. */
export async function completeSegments(tx: Queryable, run: DocumentRun, ids: readonly string[]): Promise<boolean> {
  // before the count below takes its snapshot, so that two runs that complete the same segments count them once
  const locked = await tx.query(`select 1 from documents where ${standing} for update`, [run.id, run.generation]);
  if (locked.length === 0) return false;
  await tx.query(
    `with done as (
       update segments set status = 'completed', completed_at = now() where id = any ($2::uuid[]) and status = 'waiting' returning id)
     update documents set completed_segments = completed_segments + (select count(*) from done), updated_at = now() where id = $1`,
    [run.id, ids],
  );
  return true;
}
