/** The shapes of answers about knowledge. Timestamps are seconds since 1970, as in Dify. */
import type { PageJson } from './common.ts';

export interface DatasetJson {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly provider: 'vendor';
  readonly permission: 'all_team_members';
  readonly indexing_technique: 'high_quality' | 'economy';
  readonly embedding_model: string | null;
  readonly embedding_model_provider: string | null;
  /** False when this process embeds with another model: such a dataset cannot be searched by meaning. */
  readonly embedding_available: boolean;
  readonly document_count: number;
  readonly word_count: number;
  readonly created_at: number;
  readonly updated_at: number;
}

export type IndexingStatusName =
  | 'waiting'
  | 'parsing'
  | 'cleaning'
  | 'splitting'
  | 'indexing'
  | 'completed'
  | 'error'
  | 'paused';

export interface DocumentJson {
  readonly id: string;
  readonly dataset_id: string;
  readonly position: number;
  readonly batch: string;
  readonly name: string;
  readonly data_source_type: 'upload_file' | 'text_input';
  readonly created_from: 'api';
  readonly size_bytes: number;
  readonly format: string | null;
  readonly doc_form: 'text_model' | 'hierarchical_model';
  readonly doc_language: string | null;
  readonly doc_metadata: { readonly [key: string]: string | number };
  readonly indexing_status: IndexingStatusName;
  readonly display_status: 'queuing' | 'indexing' | 'available' | 'error' | 'paused' | 'disabled' | 'archived';
  readonly error: string | null;
  readonly error_code: string | null;
  readonly enabled: boolean;
  readonly archived: boolean;
  readonly word_count: number;
  readonly tokens: number;
  readonly total_segments: number;
  readonly completed_segments: number;
  /** The task that indexes it now or did last. */
  readonly task_id: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface DocumentCreatedJson {
  readonly document: DocumentJson;
  readonly batch: string;
  readonly task_id: string;
}

export interface IndexingStatusJson {
  readonly id: string;
  readonly indexing_status: IndexingStatusName;
  readonly processing_started_at: number | null;
  readonly parsing_completed_at: number | null;
  readonly cleaning_completed_at: number | null;
  readonly splitting_completed_at: number | null;
  readonly completed_at: number | null;
  readonly paused_at: number | null;
  readonly error: string | null;
  readonly error_code: string | null;
  readonly stopped_at: number | null;
  readonly completed_segments: number;
  readonly total_segments: number;
}

export interface SegmentJson {
  readonly id: string;
  readonly document_id: string;
  /** From 1. */
  readonly position: number;
  readonly content: string;
  readonly word_count: number;
  readonly tokens: number;
  readonly keywords: readonly string[];
  readonly page: number | null;
  readonly section: string | null;
  readonly status: 'waiting' | 'completed';
  readonly enabled: boolean;
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly child_chunks: readonly { readonly id: string; readonly position: number; readonly content: string }[];
}

export interface SegmentPageJson extends PageJson<SegmentJson> {
  readonly doc_form: DocumentJson['doc_form'];
}
