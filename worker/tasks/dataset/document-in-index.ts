/** Enabling and disabling a document: hidden from searches, kept as it is. */
import { defineTask, type RegisteredTask } from '../../runtime/index.ts';
import { setDocumentEnabled } from '../../services/knowledge/indexing-store.ts';
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
      const found = await ctx.effect('set', async (tx) => {
        if (!(await setDocumentEnabled(tx, ctx.tenantId, payload.document_id, enabled))) return false;
        await services.vectors.setEnabled({ tenantId: ctx.tenantId, documentId: payload.document_id }, enabled, tx);
        return true;
      });
      return { document_id: payload.document_id, status: found ? 'completed' : 'skipped' };
    },
  });

export const documentInIndex = (services: TaskServices): RegisteredTask[] => [
  task(services, 'add_document_to_index_task', true),
  task(services, 'remove_document_from_index_task', false),
];
