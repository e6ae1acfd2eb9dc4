/** For tests: documents indexed as the worker would, in a database of their own. */
import { randomUUID } from 'node:crypto';
import type { Database, Queryable } from '../../db/index.ts';
import type { Embedder } from '../embedding/embedder.ts';
import { analyse } from '../search-text/words.ts';
import type { VectorStore } from '../vector/store.ts';
import { segmentSearchVectorSql } from './full-text.ts';

export interface Library {
  readonly db: Database;
  readonly vectors: VectorStore;
  readonly embedder: Embedder;
}

export interface Place {
  readonly tenantId: string;
  readonly datasetId: string;
}

export async function addDataset({ db, embedder }: Library, technique: 'high_quality' | 'economy'): Promise<Place> {
  const place = { tenantId: randomUUID(), datasetId: randomUUID() };
  await db.query(
    `insert into datasets (id, tenant_id, name, indexing_technique, embedding_model, embedding_dimensions)
     values ($1, $2, $3, $4, $5, $6)`,
    [
      place.datasetId,
      place.tenantId,
      `dataset ${place.datasetId}`,
      technique,
      technique === 'high_quality' ? embedder.model : null,
      technique === 'high_quality' ? embedder.dimensions : null,
    ],
  );
  return place;
}

/** A segment is its text, or a text with child chunks. */
export type SegmentText = string | { readonly content: string; readonly children: readonly string[] };

/** Adds a completed document; returns its id. */
export async function addDocument(
  library: Library,
  place: Place,
  name: string,
  segments: readonly SegmentText[],
): Promise<string> {
  const { db, vectors, embedder } = library;
  const documentId = randomUUID();
  await db.query(
    `insert into documents (id, tenant_id, dataset_id, position, batch, name, data_source_type, storage_key, size_bytes, sha256,
                            process_rule, indexing_status)
     values ($1, $2, $3, 1, 'b', $4, 'upload_file', 'k', 1, 'x', '{}', 'completed')`,
    [documentId, place.tenantId, place.datasetId, name],
  );
  const points: { id: string; segmentId: string; childId?: string; text: string }[] = [];
  for (const [index, segment] of segments.entries()) {
    const { content, children } = typeof segment === 'string' ? { content: segment, children: [] } : segment;
    const segmentId = await addSegment(db, place, documentId, index + 1, content);
    for (const [position, text] of children.entries()) {
      const id = randomUUID();
      await db.query(
        `insert into child_chunks (id, tenant_id, dataset_id, document_id, segment_id, position, content)
         values ($1, $2, $3, $4, $5, $6, $7)`,
        [id, place.tenantId, place.datasetId, documentId, segmentId, position + 1, text],
      );
      points.push({ id, segmentId, childId: id, text });
    }
    if (children.length === 0) points.push({ id: segmentId, segmentId, text: content });
  }
  const made = await embedder.embed(
    points.map((point) => point.text),
    { kind: 'document' },
  );
  await vectors.ensureCollection(embedder.dimensions);
  await vectors.upsert(
    points.map(({ text: _, ...point }, i) => ({
      ...point,
      ...place,
      documentId,
      vector: made[i] ?? new Float32Array(),
    })),
  );
  return documentId;
}

async function addSegment(db: Queryable, place: Place, documentId: string, position: number, content: string) {
  const id = randomUUID();
  const { searchText, keywords, wordCount } = analyse(content);
  await db.query(
    `insert into segments (id, tenant_id, dataset_id, document_id, generation, position, content, word_count, tokens, keywords,
                           search, status)
     values ($1, $2, $3, $4, 1, $5, $6, $7, 0, $8, ${segmentSearchVectorSql('$9::text')}, 'completed')`,
    [id, place.tenantId, place.datasetId, documentId, position, content, wordCount, keywords, searchText],
  );
  return id;
}
