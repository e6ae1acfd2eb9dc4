import { defineTask, type RegisteredTask } from '../../runtime/index.ts';
import { resumePaused } from '../../services/knowledge/document-state.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { indexDocument } from './index-document.ts';
import { checkTenant, documentPayload, indexingTimeLimitSeconds } from './payloads.ts';

export const recoverDocumentIndexing = (services: TaskServices): RegisteredTask =>
  defineTask({
    name: 'recover_document_indexing_task',
    queue: 'dataset',
    description: 'Goes on with a paused or abandoned document at the step and batch it stopped at.',
    timeLimitSeconds: indexingTimeLimitSeconds,
    tenantIsolated: true,
    payload: documentPayload,
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      const place = { tenantId: ctx.tenantId, datasetId: payload.dataset_id, documentId: payload.document_id };
      await ctx.effect('resume', (tx) => resumePaused(tx, place, ctx.taskId));
      return indexDocument(services, ctx, payload.dataset_id, payload.document_id);
    },
  });
