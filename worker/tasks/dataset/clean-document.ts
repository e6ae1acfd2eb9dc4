/** Removing what a deleted document left: vectors, segments, file, and its row last. */
import { defineTask, type RegisteredTask, type TaskContext } from '../../runtime/index.ts';
import { deleteDocumentRow, deletedDocument, deleteSegments } from '../../services/knowledge/removal.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { deletePoints } from './index-document.ts';
import { checkTenant, documentPayload, documentsPayload } from './payloads.ts';

/** Safe to repeat at any point: each step removes what is still there. A document that is not marked as deleted is left alone. */
export async function cleanDocument(services: TaskServices, ctx: TaskContext, documentId: string): Promise<number> {
  const document = await deletedDocument(services.db, ctx.tenantId, documentId);
  if (!document) return 0;
  const segments = await deleteSegments(services.db, documentId, 'all', (tx, ids) =>
    deletePoints(services, ctx.tenantId, ids, tx),
  );
  // points whose segment is gone already, if any
  await services.vectors.deleteByDocument({ tenantId: ctx.tenantId, documentId });
  await services.storage.delete(document.storageKey);
  await deleteDocumentRow(services.db, ctx.tenantId, documentId);
  return segments;
}

export const cleanDocuments = (services: TaskServices): RegisteredTask[] => [
  defineTask({
    name: 'clean_document_task',
    queue: 'dataset',
    description: 'Removes the vectors, segments and file of a deleted document.',
    payload: documentPayload,
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      return { segments: await cleanDocument(services, ctx, payload.document_id) };
    },
  }),
  defineTask({
    name: 'batch_clean_document_task',
    queue: 'dataset',
    description: 'Removes the vectors, segments and files of several deleted documents.',
    payload: documentsPayload,
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      let segments = 0;
      for (const [place, id] of payload.document_ids.entries()) {
        ctx.signal.throwIfAborted();
        segments += await cleanDocument(services, ctx, id);
        ctx.progress({ step: 'cleaning', fraction: (place + 1) / payload.document_ids.length });
      }
      return { documents: payload.document_ids.length, segments };
    },
  }),
];
