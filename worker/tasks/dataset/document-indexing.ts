/** Indexing of uploaded documents, on the normal and on the priority queue. */
import { defineTask, type RegisteredTask } from '../../runtime/index.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { eachDocument } from './each-document.ts';
import { indexDocument } from './index-document.ts';
import { checkTenant, documentsPayload, indexingTimeLimitSeconds } from './payloads.ts';

const task = (services: TaskServices, name: string, queue: 'dataset' | 'priority_dataset'): RegisteredTask =>
  defineTask({
    name,
    queue,
    description: 'Extracts, cleans, splits, embeds and stores documents.',
    timeLimitSeconds: indexingTimeLimitSeconds,
    tenantIsolated: true,
    payload: documentsPayload,
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      return eachDocument(ctx, name, payload, (id) => indexDocument(services, ctx, payload.dataset_id, id));
    },
  });

export const documentIndexing = (services: TaskServices): RegisteredTask[] => [
  task(services, 'document_indexing_task', 'dataset'),
  task(services, 'priority_document_indexing_task', 'priority_dataset'),
];
