/** What people ask of a document: pause, go on, hide, show. */
import type { Queryable } from '../../db/index.ts';

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
