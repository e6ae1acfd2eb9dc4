/** Enabling and disabling a document: hidden from searches, kept as it is. */
import { defineTask, type RegisteredTask } from '../../runtime/index.ts';
import { setDocumentEnabled } from '../../services/knowledge/document-state.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { checkTenant, documentPayload } from './payloads.ts';

const task = (services: TaskServices, name: string, enabled: boolean): RegisteredTask =>
  defineTask({
    name,
    queue: 'dataset',
    description: enabled ? 'Shows a document in searches again.' : 'Hides a document from searches.',
    payload: documentPayload,
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      const { tenantId } = ctx;
      const { dataset_id: datasetId, document_id: documentId } = payload;
      const found = await ctx.effect('set', async (tx) => {
        if (!(await setDocumentEnabled(tx, { tenantId, datasetId, documentId }, enabled))) return false;
        await services.vectors.setEnabled({ tenantId, documentId }, enabled, tx);
        return true;
      });
      return { document_id: documentId, status: found ? 'completed' : 'skipped' };
    },
  });

export const documentInIndex = (services: TaskServices): RegisteredTask[] => [
  task(services, 'add_document_to_index_task', true),
  task(services, 'remove_document_from_index_task', false),
];
