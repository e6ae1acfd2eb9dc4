import type { TaskContext } from '../../runtime/index.ts';
import { beginGeneration } from '../../services/knowledge/indexing-run.ts';
import { deleteSegments } from '../../services/knowledge/removal.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { deletePoints, type IndexingResult, indexDocument } from './index-document.ts';

/** Deletes a document's old segments and vectors, then indexes it from its file. Unchanged texts are embedded from the cache. */
export async function reindex(
  services: TaskServices,
  ctx: TaskContext,
  datasetId: string,
  documentId: string,
): Promise<IndexingResult> {
  const begun = await ctx.effect(`new generation of ${documentId}`, async (tx) => {
    const [owned] = await tx.query('select 1 from documents where id = $1 and tenant_id = $2 and dataset_id = $3', [
      documentId,
      ctx.tenantId,
      datasetId,
    ]);
    return owned !== undefined && (await beginGeneration(tx, documentId)) !== undefined;
  });
  if (!begun) return { document_id: documentId, status: 'skipped', segments: 0 };
  await deleteSegments(services.db, documentId, 'former', (tx, ids) => deletePoints(services, ctx.tenantId, ids, tx));
  return indexDocument(services, ctx, datasetId, documentId);
}
