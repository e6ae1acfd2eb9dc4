import { defineTask, type RegisteredTask } from '../../runtime/index.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { checkTenant, documentPayload, indexingTimeLimitSeconds } from './payloads.ts';
import { reindex } from './reindex.ts';

export const documentIndexingUpdate = (services: TaskServices): RegisteredTask =>
  defineTask({
    name: 'document_indexing_update_task',
    queue: 'dataset',
    description: 'Indexes a document again after its settings changed.',
    timeLimitSeconds: indexingTimeLimitSeconds,
    tenantIsolated: true,
    payload: documentPayload,
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      return reindex(services, ctx, payload.dataset_id, payload.document_id);
    },
  });
