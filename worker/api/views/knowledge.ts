/** Rows of datasets, documents and segments as answers, in Dify's shapes. */
import type { DatasetRow } from '../../services/knowledge/datasets.ts';
import type { DocumentRow } from '../../services/knowledge/documents.ts';
import type { SegmentRow } from '../../services/knowledge/segments.ts';
import type { PageJson } from '../types/common.ts';
import type { DatasetJson, DocumentJson, IndexingStatusJson, SegmentJson } from '../types/knowledge.ts';

const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
const secondsOrNull = (date: Date | null) => (date === null ? null : seconds(date));

/** @param servedModel `provider/model` that this process embeds with */
export function datasetJson(row: DatasetRow, servedModel: string): DatasetJson {
  const slash = row.embedding_model?.indexOf('/') ?? -1;
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    provider: 'vendor',
    permission: 'all_team_members',
    indexing_technique: row.indexing_technique,
    embedding_model: row.embedding_model?.slice(slash + 1) ?? null,
    embedding_model_provider: slash > 0 ? (row.embedding_model?.slice(0, slash) ?? null) : null,
    embedding_available: row.embedding_model === null || row.embedding_model === servedModel,
    document_count: row.document_count,
    word_count: row.word_count,
    created_at: seconds(row.created_at),
    updated_at: seconds(row.updated_at),
  };
}

function displayStatus(row: DocumentRow): DocumentJson['display_status'] {
  switch (row.indexing_status) {
    case 'waiting':
      return 'queuing';
    case 'error':
    case 'paused':
      return row.indexing_status;
    case 'completed':
      if (row.archived) return 'archived';
      return row.enabled ? 'available' : 'disabled';
    default:
      return 'indexing';
  }
}

export function documentJson(row: DocumentRow): DocumentJson {
  return {
    id: row.id,
    dataset_id: row.dataset_id,
    position: row.position,
    batch: row.batch,
    name: row.name,
    data_source_type: row.data_source_type,
    created_from: 'api',
    size_bytes: row.size_bytes,
    format: row.format,
    doc_form: row.doc_form,
    doc_language: row.doc_language,
    doc_metadata: row.metadata,
    indexing_status: row.indexing_status,
    display_status: displayStatus(row),
    error: row.error,
    error_code: row.error_code,
    enabled: row.enabled,
    archived: row.archived,
    word_count: row.word_count,
    tokens: row.tokens,
    total_segments: row.total_segments,
    completed_segments: row.completed_segments,
    task_id: row.task_id,
    created_at: seconds(row.created_at),
    updated_at: seconds(row.updated_at),
  };
}

export function indexingStatusJson(row: DocumentRow): IndexingStatusJson {
  return {
    id: row.id,
    indexing_status: row.indexing_status,
    processing_started_at: secondsOrNull(row.processing_started_at),
    parsing_completed_at: secondsOrNull(row.parsing_completed_at),
    cleaning_completed_at: secondsOrNull(row.cleaning_completed_at),
    splitting_completed_at: secondsOrNull(row.splitting_completed_at),
    completed_at: secondsOrNull(row.completed_at),
    paused_at: secondsOrNull(row.paused_at),
    error: row.error,
    error_code: row.error_code,
    stopped_at: secondsOrNull(row.stopped_at),
    completed_segments: row.completed_segments,
    total_segments: row.total_segments,
  };
}

export function segmentJson(row: SegmentRow): SegmentJson {
  return {
    id: row.id,
    document_id: row.document_id,
    position: row.position,
    content: row.content,
    word_count: row.word_count,
    tokens: row.tokens,
    keywords: row.keywords,
    page: row.page,
    section: row.section,
    status: row.status,
    enabled: row.enabled,
    created_at: seconds(row.created_at),
    completed_at: secondsOrNull(row.completed_at),
    child_chunks: row.child_chunks,
  };
}

export const pageJson = <T>(
  data: readonly T[],
  { page, limit }: { readonly page: number; readonly limit: number },
  total: number,
): PageJson<T> => ({ data, page, limit, total, has_more: page * limit < total });
