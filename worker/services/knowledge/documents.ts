/** Documents: what was uploaded, how far its indexing has come, and what became of it. */
import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../../db/index.ts';
import type { ProcessRule } from '../splitting/process-rule.ts';
import type { StoredFile } from '../storage/storage.ts';

export const indexingStatuses = [
  'waiting',
  'parsing',
  'cleaning',
  'splitting',
  'indexing',
  'completed',
  'error',
  'paused',
] as const;
export type IndexingStatus = (typeof indexingStatuses)[number];

export interface DocumentRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly dataset_id: string;
  readonly position: number;
  readonly batch: string;
  readonly name: string;
  readonly data_source_type: 'upload_file' | 'text_input';
  readonly storage_key: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly format: string | null;
  readonly doc_form: 'text_model' | 'hierarchical_model';
  readonly doc_language: string | null;
  readonly process_rule: ProcessRule;
  readonly metadata: Readonly<Record<string, string | number>>;
  readonly indexing_status: IndexingStatus;
  readonly generation: number;
  readonly task_id: string | null;
  readonly error: string | null;
  readonly error_code: string | null;
  readonly enabled: boolean;
  readonly archived: boolean;
  readonly word_count: number;
  readonly tokens: number;
  readonly total_segments: number;
  readonly completed_segments: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly processing_started_at: Date | null;
  readonly parsing_completed_at: Date | null;
  readonly cleaning_completed_at: Date | null;
  readonly splitting_completed_at: Date | null;
  readonly completed_at: Date | null;
  readonly paused_at: Date | null;
  readonly stopped_at: Date | null;
}

/**
 * A document whose task has ended without it (cancelled, expired, or failed before it could say so) must not look busy for
 * ever: it is shown as `error`.
 */
const selectDocuments = `
  select d.id, d.tenant_id, d.dataset_id, d.position, d.batch, d.name, d.data_source_type, d.storage_key, d.size_bytes, d.sha256,
         d.format, d.doc_form, d.doc_language, d.process_rule, d.metadata, d.generation, d.task_id, d.enabled, d.archived,
         d.word_count, d.tokens, d.total_segments, d.completed_segments, d.created_at, d.updated_at, d.processing_started_at,
         d.parsing_completed_at, d.cleaning_completed_at, d.splitting_completed_at, d.completed_at, d.paused_at, d.stopped_at,
         case when ended.status is null then d.indexing_status else 'error' end as indexing_status,
         case when ended.status is null then d.error else coalesce(ended.message, 'Its task has ended: ' || ended.status) end as error,
         case when ended.status is null then d.error_code else 'task_' || lower(ended.status) end as error_code
    from documents d
    left join lateral (
      select t.status, t.error ->> 'message' as message from tasks_finished t
       where t.id = d.task_id and t.status <> 'COMPLETED'
         and d.indexing_status not in ('completed', 'error', 'paused') limit 1) ended on true
   where d.deleted_at is null`;

export interface NewDocument {
  readonly id: string;
  readonly tenantId: string;
  readonly datasetId: string;
  /** Documents that came in one request share one. */
  readonly batch: string;
  readonly name: string;
  readonly source: 'upload_file' | 'text_input';
  readonly file: StoredFile;
  readonly processRule: ProcessRule;
  readonly language: string | undefined;
  readonly taskId: string;
}

export const newDocumentId = (): string => uuidv7();

/** Where the file of a document lies. */
export const documentStorageKey = (tenantId: string, documentId: string): string =>
  `upload_files/${tenantId}/${documentId}`;

/** Inserts a document as `waiting`. Run it in one transaction with the enqueue of its indexing task. */
export async function insertDocument(tx: Queryable, document: NewDocument): Promise<void> {
  // the lock makes positions gapless and keeps a dataset that is being deleted from taking documents
  await tx.query('select 1 from datasets where id = $1 and tenant_id = $2 for update', [
    document.datasetId,
    document.tenantId,
  ]);
  await tx.query(
    `insert into documents (id, tenant_id, dataset_id, position, batch, name, data_source_type, storage_key, size_bytes, sha256,
                            doc_form, doc_language, process_rule, task_id)
     select $1, $2, $3, coalesce(max(position), 0) + 1, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb, $13
       from documents where dataset_id = $3`,
    [
      document.id,
      document.tenantId,
      document.datasetId,
      document.batch,
      document.name,
      document.source,
      document.file.key,
      document.file.sizeBytes,
      document.file.sha256,
      document.processRule.mode === 'hierarchical' ? 'hierarchical_model' : 'text_model',
      document.language ?? null,
      JSON.stringify(document.processRule),
      document.taskId,
    ],
  );
}

export async function readDocument(
  db: Queryable,
  tenantId: string,
  datasetId: string,
  id: string,
): Promise<DocumentRow | undefined> {
  const [row] = await db.query<DocumentRow>(
    `${selectDocuments} and d.tenant_id = $1 and d.dataset_id = $2 and d.id = $3`,
    [tenantId, datasetId, id],
  );
  return row;
}

export async function readBatch(
  db: Queryable,
  tenantId: string,
  datasetId: string,
  batch: string,
): Promise<DocumentRow[]> {
  return db.query<DocumentRow>(
    `${selectDocuments} and d.tenant_id = $1 and d.dataset_id = $2 and d.batch = $3 order by d.position`,
    [tenantId, datasetId, batch],
  );
}

export interface DocumentPage {
  readonly documents: readonly DocumentRow[];
  readonly total: number;
}

/** @param keyword part of a name, any case; @param page from 1 */
export async function listDocuments(
  db: Queryable,
  tenantId: string,
  datasetId: string,
  { page, limit, keyword }: { readonly page: number; readonly limit: number; readonly keyword?: string | undefined },
): Promise<DocumentPage> {
  const like = keyword === undefined ? null : `%${keyword.replace(/[\\%_]/g, '\\$&')}%`;
  const condition = `d.tenant_id = $1 and d.dataset_id = $2 and ($3::text is null or d.name ilike $3)`;
  const [count] = await db.query<{ total: number }>(
    `select count(*)::int as total from documents d where d.deleted_at is null and ${condition}`,
    [tenantId, datasetId, like],
  );
  const documents = await db.query<DocumentRow>(
    `${selectDocuments} and ${condition} order by d.position desc limit $4 offset $5`,
    [tenantId, datasetId, like, limit, (page - 1) * limit],
  );
  return { documents, total: count?.total ?? 0 };
}

/** Hides a document from every read and search; `clean_document_task` removes what it left. True when it was there. */
export async function markDocumentDeleted(
  db: Queryable,
  tenantId: string,
  datasetId: string,
  id: string,
): Promise<boolean> {
  const rows = await db.query(
    'update documents set deleted_at = now() where id = $3 and tenant_id = $1 and dataset_id = $2 and deleted_at is null returning id',
    [tenantId, datasetId, id],
  );
  return rows.length > 0;
}
