/** A run of a document's indexing: what it needs to know, and the states it writes. Every write goes through its effect's transaction. */
import type { Queryable } from '../../db/index.ts';
import type { DocumentMetadata } from '../document.ts';
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
export const standing = `id = $1 and generation = $2 and deleted_at is null and indexing_status <> 'paused'`;

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
