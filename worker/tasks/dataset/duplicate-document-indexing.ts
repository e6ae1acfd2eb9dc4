/** Re-indexing of documents that came again: first the old vectors and segments go. */
import { defineTask, type RegisteredTask } from '../../runtime/index.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { eachDocument } from './each-document.ts';
import { checkTenant, documentsPayload, indexingTimeLimitSeconds } from './payloads.ts';
import { reindex } from './reindex.ts';

const task = (services: TaskServices, name: string, queue: 'dataset' | 'priority_dataset'): RegisteredTask =>
  defineTask({
    name,
    queue,
    description: 'Deletes the old segments and vectors of documents and indexes them again.',
    timeLimitSeconds: indexingTimeLimitSeconds,
    tenantIsolated: true,
    payload: documentsPayload,
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      return eachDocument(ctx, name, payload, (id) => reindex(services, ctx, payload.dataset_id, id));
    },
  });

export const duplicateDocumentIndexing = (services: TaskServices): RegisteredTask[] => [
  task(services, 'duplicate_document_indexing_task', 'dataset'),
  task(services, 'priority_duplicate_document_indexing_task', 'priority_dataset'),
];
