import { z } from 'zod';
import { defineTask, type RegisteredTask } from '../../runtime/index.ts';
import { readDataset } from '../../services/knowledge/datasets.ts';
import { deleteDatasetRow, deletedDocuments } from '../../services/knowledge/removal.ts';
import type { TaskServices } from '../../services/task-services.ts';
import { cleanDocument } from './clean-document.ts';
import { checkTenant } from './payloads.ts';

/** Documents looked up at a time. */
const pageSize = 100;

export const cleanDataset = (services: TaskServices): RegisteredTask =>
  defineTask({
    name: 'clean_dataset_task',
    queue: 'dataset',
    description: 'Removes a deleted dataset: the vectors, segments and files of all its documents, and its row last.',
    payload: z.strictObject({ tenant_id: z.uuid(), dataset_id: z.uuid() }),
    handle: async (ctx, payload) => {
      checkTenant(ctx, payload);
      // a dataset that is not marked as deleted keeps all it has
      if (await readDataset(services.db, ctx.tenantId, payload.dataset_id)) return { documents: 0 };
      let documents = 0;
      for (;;) {
        const page = await deletedDocuments(services.db, ctx.tenantId, payload.dataset_id, pageSize);
        if (page.length === 0) break;
        for (const id of page) {
          ctx.signal.throwIfAborted();
          await cleanDocument(services, ctx, id);
          documents += 1;
          ctx.progress({ step: 'cleaning', documents });
        }
      }
      await services.vectors.deleteByDataset({ tenantId: ctx.tenantId, datasetId: payload.dataset_id });
      await deleteDatasetRow(services.db, ctx.tenantId, payload.dataset_id);
      return { documents };
    },
  });
