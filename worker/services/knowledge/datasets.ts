/** Datasets: collections of documents that are searched together. */
import { v7 as uuidv7 } from 'uuid';
import { type Queryable, sqlState } from '../../db/index.ts';
import { MillraceError } from '../../errors.ts';

export interface DatasetRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly name: string;
  readonly description: string;
  readonly indexing_technique: 'high_quality' | 'economy';
  /** provider/model; null for economy. */
  readonly embedding_model: string | null;
  readonly embedding_dimensions: number | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly document_count: number;
  readonly word_count: number;
}

export interface NewDataset {
  readonly tenantId: string;
  readonly name: string;
  readonly description?: string | undefined;
  readonly indexingTechnique: 'high_quality' | 'economy';
  /** What embeds: fixed for the dataset's life, since vectors of two models do not compare. */
  readonly embedding: { readonly model: string; readonly dimensions: number };
}

const uniqueViolation = '23505';

const selectDatasets = `
  select d.*, coalesce(t.documents, 0)::int as document_count, coalesce(t.words, 0)::int8 as word_count
    from datasets d
    left join lateral (select count(*) as documents, sum(word_count) as words from documents
                        where dataset_id = d.id and deleted_at is null) t on true
   where d.deleted_at is null`;

/** @throws MillraceError `dataset_name_taken` */
export async function createDataset(db: Queryable, dataset: NewDataset): Promise<DatasetRow> {
  const id = uuidv7();
  const vectors = dataset.indexingTechnique === 'high_quality';
  try {
    await db.query(
      `insert into datasets (id, tenant_id, name, description, indexing_technique, embedding_model, embedding_dimensions)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [
        id,
        dataset.tenantId,
        dataset.name,
        dataset.description ?? '',
        dataset.indexingTechnique,
        vectors ? dataset.embedding.model : null,
        vectors ? dataset.embedding.dimensions : null,
      ],
    );
  } catch (error) {
    if (sqlState(error) !== uniqueViolation) throw error;
    throw new MillraceError({
      code: 'dataset_name_taken',
      message: `There is a dataset named "${dataset.name}" already.`,
      hint: 'Choose another name, or add documents to that one.',
    });
  }
  const created = await readDataset(db, dataset.tenantId, id);
  if (!created) throw new Error('the dataset just created is gone');
  return created;
}

export async function readDataset(db: Queryable, tenantId: string, id: string): Promise<DatasetRow | undefined> {
  const [row] = await db.query<DatasetRow>(`${selectDatasets} and d.tenant_id = $1 and d.id = $2`, [tenantId, id]);
  return row;
}

export async function listDatasets(
  db: Queryable,
  tenantId: string,
  page: number,
  limit: number,
): Promise<DatasetRow[]> {
  return db.query<DatasetRow>(
    `${selectDatasets} and d.tenant_id = $1 order by d.created_at desc, d.id desc limit $2 offset $3`,
    [tenantId, limit, (page - 1) * limit],
  );
}

/** Hides a dataset and its documents; `clean_dataset_task` removes what it held. True when it was there. */
export async function markDatasetDeleted(db: Queryable, tenantId: string, id: string): Promise<boolean> {
  const rows = await db.query(
    // the name is free again at once
    `update datasets set deleted_at = now(), name = name || ' #' || id
      where id = $2 and tenant_id = $1 and deleted_at is null returning id`,
    [tenantId, id],
  );
  if (rows.length === 0) return false;
  await db.query(
    'update documents set deleted_at = now() where dataset_id = $2 and tenant_id = $1 and deleted_at is null',
    [tenantId, id],
  );
  return true;
}
