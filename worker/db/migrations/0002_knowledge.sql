-- Datasets, documents, segments and the vector index.

create extension if not exists vector;

create table datasets (
  id uuid primary key,
  tenant_id uuid not null,
  name text not null,
  description text not null default '',
  indexing_technique text not null check (indexing_technique in ('high_quality', 'economy')),
  -- provider/model, fixed at creation: vectors of two models never meet in one dataset; null for economy
  embedding_model text,
  embedding_dimensions integer,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (tenant_id, name)
);

create table documents (
  id uuid primary key,
  tenant_id uuid not null,
  dataset_id uuid not null references datasets (id),
  position integer not null,
  batch text not null,
  name text not null,
  data_source_type text not null check (data_source_type in ('upload_file', 'text_input')),
  storage_key text not null,
  size_bytes bigint not null,
  sha256 text not null,
  format text,
  doc_form text not null default 'text_model' check (doc_form in ('text_model', 'hierarchical_model')),
  doc_language text,
  process_rule jsonb not null,
  metadata jsonb not null default '{}',
  indexing_status text not null default 'waiting' check (indexing_status in
    ('waiting', 'parsing', 'cleaning', 'splitting', 'indexing', 'completed', 'error', 'paused')),
  -- raised when the document is indexed anew; segments of another generation are on their way out
  generation integer not null default 1,
  -- the task that indexes it now or did last
  task_id uuid,
  error text,
  error_code text,
  enabled boolean not null default true,
  archived boolean not null default false,
  word_count bigint not null default 0,
  tokens bigint not null default 0,
  total_segments integer not null default 0,
  completed_segments integer not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  processing_started_at timestamptz,
  parsing_completed_at timestamptz,
  cleaning_completed_at timestamptz,
  splitting_completed_at timestamptz,
  completed_at timestamptz,
  paused_at timestamptz,
  stopped_at timestamptz,
  -- the row goes last, when segments, vectors and file are gone
  deleted_at timestamptz
);
create index documents_dataset on documents (tenant_id, dataset_id, position desc);
create index documents_batch on documents (tenant_id, batch);

create table segments (
  id uuid primary key,
  tenant_id uuid not null,
  dataset_id uuid not null,
  document_id uuid not null references documents (id) on delete cascade,
  generation integer not null,
  position integer not null,
  content text not null,
  word_count integer not null,
  tokens integer not null,
  keywords text[] not null default '{}',
  search tsvector not null,
  page integer,
  section text,
  status text not null default 'waiting' check (status in ('waiting', 'completed')),
  enabled boolean not null default true,
  hit_count integer not null default 0,
  created_at timestamptz not null default now(),
  completed_at timestamptz,
  unique (document_id, generation, position)
);
create index segments_search on segments using gin (search);
create index segments_keywords on segments using gin (keywords);
create index segments_dataset on segments (tenant_id, dataset_id);

create table child_chunks (
  id uuid primary key,
  tenant_id uuid not null,
  dataset_id uuid not null,
  document_id uuid not null,
  segment_id uuid not null references segments (id) on delete cascade,
  position integer not null,
  content text not null,
  unique (segment_id, position)
);
create index child_chunks_document on child_chunks (document_id);

-- vectors of texts that were embedded before, by model and content: re-indexing the same text embeds nothing
create table embedding_cache (
  model text not null,
  content_hash bytea not null,
  -- little-endian float32
  embedding bytea not null,
  created_at timestamptz not null default now(),
  used_at timestamptz not null default now(),
  primary key (model, content_hash)
);
create index embedding_cache_used on embedding_cache (used_at);
