/** Removing what documents and datasets hold, in pages, safe to repeat at any point. */
import type { Database, Queryable, Transaction } from '../../db/index.ts';

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
