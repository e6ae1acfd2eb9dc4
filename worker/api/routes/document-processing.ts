/** Pausing the indexing of a document, and going on with it at the batch it stopped at. */
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { pauseDocument, resumePaused } from '../../services/knowledge/document-state.ts';
import { readDocument } from '../../services/knowledge/documents.ts';
import { ApiError, documentNotFound } from '../problems/api-error.ts';
import { problems, uuid } from '../schemas/common.ts';
import { documentSchema } from '../schemas/knowledge.ts';
import { surely } from '../surely.ts';
import { documentJson } from '../views/knowledge.ts';
import type { Routes } from './route.ts';

const params = z.object({ dataset_id: uuid, document_id: uuid, action: z.enum(['pause', 'resume']) });

export const documentProcessingRoutes: Routes = (deps) => async (app) => {
  const { db, enqueuer } = deps;

  app.patch(
    '/datasets/:dataset_id/documents/:document_id/processing/:action',
    {
      schema: {
        tags: ['documents'],
        summary: 'Pause or resume the indexing of a document',
        description:
          'Pausing lets the batch under way finish; nothing that is stored is lost. Resuming goes on at the next batch. ' +
          'Asking for what is so already changes nothing.',
        params,
        response: { 200: documentSchema, ...problems(400, 404, 409) },
      },
    },
    async ({ tenantId, params: { dataset_id: datasetId, document_id: id, action } }) => {
      const taskId = uuidv7();
      const handOver = await surely(() =>
        db.tx(async (tx) => {
          const document = await readDocument(tx, tenantId, datasetId, id);
          if (!document) throw documentNotFound(id);
          const paused = document.indexing_status === 'paused';
          if (action === 'pause') {
            if (!paused && !(await pauseDocument(tx, tenantId, id))) throw notRunning(document.indexing_status);
            return undefined;
          }
          if (!paused && document.task_id === taskId) return undefined;
          if (!paused || !(await resumePaused(tx, { tenantId, datasetId, documentId: id }, taskId)))
            throw notPaused(document.indexing_status);
          const payload = { tenant_id: tenantId, dataset_id: datasetId, document_id: id };
          const task = { task: 'recover_document_indexing_task', payload, tenantId, options: { taskId } };
          return (await enqueuer.within(tx, [task])).handOver;
        }),
      );
      void handOver?.();
      const document = await readDocument(db, tenantId, datasetId, id);
      if (!document) throw documentNotFound(id);
      return documentJson(document);
    },
  );
};

const notRunning = (status: string) =>
  new ApiError({ code: 'document_not_indexing', message: `The document is not being indexed: ${status}.` });

const notPaused = (status: string) =>
  new ApiError({ code: 'document_not_paused', message: `The document is not paused: ${status}.` });
