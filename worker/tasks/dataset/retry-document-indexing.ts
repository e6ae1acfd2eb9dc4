import { defineTask, type RegisteredTask } from '../../runtime/index.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { eachDocument } from './each-document.ts';
import { checkTenant, documentsPayload, indexingTimeLimitSeconds } from './payloads.ts';
import { reindex } from './reindex.ts';

export const retryDocumentIndexing = (services: TaskServices): RegisteredTask =>
  defineTask({
    name: 'retry_document_indexing_task',
    queue: 'dataset',
    description: 'Indexes documents that failed again, from their files.',
    timeLimitSeconds: indexingTimeLimitSeconds,
    tenantIsolated: true,
    payload: documentsPayload.extend({ user_id: documentsPayload.shape.tenant_id.optional() }),
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      return eachDocument(ctx, 'retry_document_indexing_task', payload, (id) =>
        reindex(services, ctx, payload.dataset_id, id),
      );
    },
  });
