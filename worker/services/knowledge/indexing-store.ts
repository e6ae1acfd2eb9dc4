/** What indexing writes: states of a document and its segments. Every write of a run goes through its effect's transaction. */
import { v5 as uuidv5 } from 'uuid';
import type { Database, Queryable, Transaction } from '../../db/index.ts';
import type { DocumentMetadata, Segment } from '../document.ts';
import { segmentSearchVectorSql } from '../retrieval/full-text.ts';
import type { ProcessRule } from '../splitting/process-rule.ts';
import type { IndexingStatus } from './documents.ts';

/** A document as its indexing needs it, with what its dataset says. */
export interface IndexableDocument {
  readonly id: string;
  readonly tenantId: string;
  readonly datasetId: string;
  readonly name: string;
  readonly storageKey: string;
  readonly language: string | undefined;
  readonly processRule: ProcessRule;
  readonly status: IndexingStatus;
  readonly generation: number;
  readonly enabled: boolean;
  readonly archived: boolean;
  readonly totalSegments: number;
  readonly completedSegments: number;
  /** Undefined: economy, by keywords. */
  readonly embedding: { readonly model: string; readonly dimensions: number } | undefined;
}

interface IndexableRow {
  id: string;
  tenant_id: string;
  dataset_id: string;
  name: string;
  storage_key: string;
  doc_language: string | null;
  process_rule: ProcessRule;
  indexing_status: IndexingStatus;
  generation: number;
  enabled: boolean;
  archived: boolean;
  total_segments: number;
  completed_segments: number;
  embedding_model: string | null;
  embedding_dimensions: number | null;
}

/** The document, unless it is gone or being deleted. */
export async function indexableDocument(
  db: Queryable,
  tenantId: string,
  datasetId: string,
  id: string,
): Promise<IndexableDocument | undefined> {
  const [row] = await db.query<IndexableRow>(
    `select d.id, d.tenant_id, d.dataset_id, d.name, d.storage_key, d.doc_language, d.process_rule, d.indexing_status,
            d.generation, d.enabled, d.archived, d.total_segments, d.completed_segments,
            s.embedding_model, s.embedding_dimensions
       from documents d join datasets s on s.id = d.dataset_id
      where d.id = $3 and d.dataset_id = $2 and d.tenant_id = $1 and d.deleted_at is null and s.deleted_at is null`,
    [tenantId, datasetId, id],
  );
  return (
    row && {
      id: row.id,
      tenantId: row.tenant_id,
      datasetId: row.dataset_id,
      name: row.name,
      storageKey: row.storage_key,
      language: row.doc_language ?? undefined,
      processRule: row.process_rule,
      status: row.indexing_status,
      generation: row.generation,
      enabled: row.enabled,
      archived: row.archived,
      totalSegments: row.total_segments,
      completedSegments: row.completed_segments,
      embedding:
        row.embedding_model === null || row.embedding_dimensions === null
          ? undefined
          : { model: row.embedding_model, dimensions: row.embedding_dimensions },
    }
  );
}

/** Which run of a document's indexing a write belongs to: one of another generation is refused. */
export interface DocumentRun {
  readonly id: string;
  readonly generation: number;
}

/** A timestamp column that a status leaves behind. */
const stampOf: Partial<Record<IndexingStatus, string>> = {
  parsing:
    'processing_started_at = coalesce(processing_started_at, now()), error = null, error_code = null, stopped_at = null',
  completed: 'completed_at = now(), error = null, error_code = null',
  error: 'stopped_at = now()',
  paused: 'paused_at = now()',
};

/** The document of a run that stands: `$1` is its id, `$2` the generation. One that was deleted or paused takes no more writes. */
const standing = `id = $1 and generation = $2 and deleted_at is null and indexing_status <> 'paused'`;

/** Two runs of one generation may overlap: the one that is behind does not take the status back. */
const forwardOrder = `array['waiting', 'parsing', 'cleaning', 'splitting', 'indexing', 'completed']`;
const forwardTo = (status: string) =>
  `case when array_position(${forwardOrder}, indexing_status) > array_position(${forwardOrder}, ${status}) then indexing_status
        else ${status} end`;

/** Whether writes of this run are still let in. */
export async function runStands(db: Queryable, run: DocumentRun): Promise<boolean> {
  const rows = await db.query(`select 1 from documents where ${standing}`, [run.id, run.generation]);
  return rows.length > 0;
}

/** Moves the status of a run forward. False when the document was deleted, paused, or is indexed anew. */
export async function setStatus(tx: Queryable, run: DocumentRun, status: IndexingStatus): Promise<boolean> {
  const stamp = stampOf[status];
  const rows = await tx.query(
    `update documents set indexing_status = ${forwardTo('$3::text')}, updated_at = now()${stamp ? `, ${stamp}` : ''}
      where ${standing} returning id`,
    [run.id, run.generation, status],
  );
  return rows.length > 0;
}

export async function setTask(tx: Queryable, run: DocumentRun, taskId: string): Promise<void> {
  await tx.query('update documents set task_id = $3 where id = $1 and generation = $2', [
    run.id,
    run.generation,
    taskId,
  ]);
}

/** Says of documents that wait which task they wait for, so that one whose task is cancelled does not seem to wait for ever. */
export async function assignTasks(
  tx: Queryable,
  { tenantId, datasetId }: { readonly tenantId: string; readonly datasetId: string },
  documentIds: readonly string[],
  taskIds: readonly string[],
): Promise<void> {
  await tx.query(
    `update documents d set task_id = t.task from unnest($3::uuid[], $4::uuid[]) as t (id, task)
      where d.id = t.id and d.tenant_id = $1 and d.dataset_id = $2 and d.indexing_status = 'waiting' and d.deleted_at is null`,
    [tenantId, datasetId, documentIds, taskIds],
  );
}

export async function setMetadata(tx: Queryable, run: DocumentRun, metadata: DocumentMetadata): Promise<void> {
  await tx.query(
    `update documents set format = $3, metadata = $4::jsonb, updated_at = now() where id = $1 and generation = $2`,
    [run.id, run.generation, metadata.format, JSON.stringify(metadata)],
  );
}

/**
 * Marks parsing, cleaning and splitting as done: they stream into each other and end together. False when the run does not
 * stand.
 */
export async function setSplit(
  tx: Queryable,
  document: IndexableDocument,
  totals: { readonly segments: number; readonly words: number; readonly tokens: number },
): Promise<boolean> {
  const rows = await tx.query(
    `update documents
        set total_segments = $3, word_count = $4, tokens = $5, parsing_completed_at = now(), cleaning_completed_at = now(),
            splitting_completed_at = now(), indexing_status = ${forwardTo(`'indexing'`)}, updated_at = now(),
            completed_segments = case when $6 then $3 else completed_segments end
      where ${standing} returning id`,
    [document.id, document.generation, totals.segments, totals.words, totals.tokens, !document.embedding],
  );
  return rows.length > 0;
}

/**
 * Ends a run as `error` and begins the next generation, so that nothing of the failed one is found and another try starts
 * clean. False when the run does not stand, or another has completed the document.
 */
export async function setFailed(tx: Queryable, run: DocumentRun, code: string, message: string): Promise<boolean> {
  const rows = await tx.query(
    `update documents set indexing_status = 'error', error = $3, error_code = $4, stopped_at = now(), updated_at = now(),
            generation = generation + 1, completed_segments = 0, total_segments = 0
      where ${standing} and indexing_status <> 'completed' returning id`,
    [run.id, run.generation, message, code],
  );
  return rows.length > 0;
}

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

/**
 * Begins a new generation of a document: its old segments are out of every search from this moment, whoever still writes them
 * is refused. Returns the new run.
 */
export async function beginGeneration(tx: Queryable, documentId: string): Promise<DocumentRun | undefined> {
  const [row] = await tx.query<{ generation: number }>(
    `update documents
        set generation = generation + 1, indexing_status = 'waiting', total_segments = 0, completed_segments = 0, word_count = 0,
            tokens = 0, error = null, error_code = null, processing_started_at = null, parsing_completed_at = null,
            cleaning_completed_at = null, splitting_completed_at = null, completed_at = null, stopped_at = null, updated_at = now()
      where id = $1 and deleted_at is null returning generation`,
    [documentId],
  );
  return row && { id: documentId, generation: row.generation };
}

/** Rows removed in one statement, so that none runs long. */
const deleteBatch = 1000;

/** Which segments of a document go: those of former generations, or all. */
export type SegmentScope = 'former' | 'all';

/**
 * Removes segments of a document in pages. Their vectors carry the segment's or child's id: the caller removes them page by page.
 * @param removeVectors called with the point ids of each page, in its transaction
 */
export async function deleteSegments(
  db: Database,
  documentId: string,
  scope: SegmentScope,
  removeVectors: (tx: Transaction, pointIds: readonly string[]) => Promise<void>,
): Promise<number> {
  const condition = scope === 'all' ? 'true' : 'generation < (select generation from documents where id = $1)';
  let removed = 0;
  for (;;) {
    const page = await db.tx(async (tx) => {
      const points = await tx.query<{ id: string }>(
        `with page as (select id from segments where document_id = $1 and ${condition} order by id limit ${deleteBatch})
         select id from page union all select id from child_chunks where segment_id in (select id from page)`,
        [documentId],
      );
      if (points.length === 0) return 0;
      const ids = points.map((point) => point.id);
      await removeVectors(tx, ids);
      const gone = await tx.query('delete from segments where id = any ($1::uuid[]) returning id', [ids]);
      return gone.length;
    });
    removed += page;
    if (page === 0) return removed;
  }
}

/** Removes the row of a document that was marked as deleted and is empty. */
export async function deleteDocumentRow(db: Queryable, tenantId: string, documentId: string): Promise<void> {
  await db.query('delete from documents where id = $2 and tenant_id = $1 and deleted_at is not null', [
    tenantId,
    documentId,
  ]);
}

/** A document that was marked as deleted and still has its row. */
export async function deletedDocument(
  db: Queryable,
  tenantId: string,
  documentId: string,
): Promise<{ readonly storageKey: string } | undefined> {
  const [row] = await db.query<{ storage_key: string }>(
    'select storage_key from documents where id = $2 and tenant_id = $1 and deleted_at is not null',
    [tenantId, documentId],
  );
  return row && { storageKey: row.storage_key };
}

/** Some documents of a deleted dataset. */
export async function deletedDocuments(
  db: Queryable,
  tenantId: string,
  datasetId: string,
  limit: number,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select id from documents
      where tenant_id = $1 and dataset_id = $2 and deleted_at is not null
        and exists (select 1 from datasets where id = $2 and deleted_at is not null) limit $3`,
    [tenantId, datasetId, limit],
  );
  return rows.map((row) => row.id);
}

/** Removes the row of a dataset that was marked as deleted and is empty. */
export async function deleteDatasetRow(db: Queryable, tenantId: string, datasetId: string): Promise<void> {
  await db.query('delete from datasets where id = $2 and tenant_id = $1 and deleted_at is not null', [
    tenantId,
    datasetId,
  ]);
}

/** Stops the indexing of a document after the batch under way; what is stored stays. False when there is nothing to stop. */
export async function pauseDocument(tx: Queryable, tenantId: string, documentId: string): Promise<boolean> {
  const rows = await tx.query(
    `update documents set indexing_status = 'paused', paused_at = now(), updated_at = now()
      where id = $2 and tenant_id = $1 and deleted_at is null
        and indexing_status in ('waiting', 'parsing', 'cleaning', 'splitting', 'indexing') returning id`,
    [tenantId, documentId],
  );
  return rows.length > 0;
}

/** A document in its place: one of another tenant or dataset is left alone. */
export interface DocumentPlace {
  readonly tenantId: string;
  readonly datasetId: string;
  readonly documentId: string;
}

const placeOf = ({ tenantId, datasetId, documentId }: DocumentPlace) => [tenantId, datasetId, documentId] as const;

/** Lets a paused document go on: at indexing when it was split, else from the start. */
export async function resumePaused(tx: Queryable, place: DocumentPlace, taskId: string): Promise<boolean> {
  const rows = await tx.query(
    `update documents
        set indexing_status = case when total_segments = 0 then 'waiting' else 'indexing' end, paused_at = null,
            task_id = $4, updated_at = now()
      where tenant_id = $1 and dataset_id = $2 and id = $3 and indexing_status = 'paused' and deleted_at is null returning id`,
    [...placeOf(place), taskId],
  );
  return rows.length > 0;
}

/** Shows or hides a document in searches. False when there is none. */
export async function setDocumentEnabled(tx: Queryable, place: DocumentPlace, enabled: boolean): Promise<boolean> {
  const rows = await tx.query(
    `update documents set enabled = $4, updated_at = now()
      where tenant_id = $1 and dataset_id = $2 and id = $3 and deleted_at is null returning id`,
    [...placeOf(place), enabled],
  );
  return rows.length > 0;
}
