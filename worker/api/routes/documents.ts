/** Documents that are there: listed, looked at, indexed again, deleted. */
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { Queryable } from '../../db/index.ts';
import {
  type DocumentRow,
  listDocuments,
  markDocumentDeleted,
  readBatch,
  readDocument,
} from '../../services/knowledge/documents.ts';
import { listSegments } from '../../services/knowledge/segments.ts';
import { ApiError, documentNotFound } from '../problems/api-error.ts';
import { pageOf, pageQuery, problems, uuid } from '../schemas/common.ts';
import { documentSchema, indexingStatusSchema, segmentPageSchema } from '../schemas/knowledge.ts';
import { acceptedSchema } from '../schemas/task.ts';
import { surely } from '../surely.ts';
import { documentJson, indexingStatusJson, pageJson, segmentJson } from '../views/knowledge.ts';
import { datasetFor } from './new-document.ts';
import type { Routes } from './route.ts';

const datasetParams = z.object({ dataset_id: uuid });
const params = z.object({ dataset_id: uuid, document_id: uuid });
const settled: readonly string[] = ['completed', 'error', 'paused'] satisfies DocumentRow['indexing_status'][];

/** Shows a document as waiting for this task, in the transaction that accepts it. */
async function awaitTask(tx: Queryable, tenantId: string, id: string, taskId: string): Promise<void> {
  await tx.query(
    `update documents set task_id = $3, indexing_status = 'waiting', error = null, error_code = null, updated_at = now()
      where id = $2 and tenant_id = $1`,
    [tenantId, id, taskId],
  );
}

export const documentRoutes: Routes = (deps) => async (app) => {
  const { db, enqueuer } = deps;

  app.get(
    '/datasets/:dataset_id/documents',
    {
      schema: {
        tags: ['documents'],
        summary: 'Documents of a dataset, newest first',
        params: datasetParams,
        querystring: z.strictObject({
          ...pageQuery,
          keyword: z.string().max(255).optional().meta({ description: 'Part of a name, in any case.' }),
        }),
        response: { 200: pageOf(documentSchema), ...problems(400, 404) },
      },
    },
    async ({ tenantId, params: { dataset_id: datasetId }, query }) => {
      await datasetFor(deps, tenantId, datasetId);
      const { documents, total } = await listDocuments(db, tenantId, datasetId, query);
      return pageJson(documents.map(documentJson), query, total);
    },
  );

  app.get(
    '/datasets/:dataset_id/documents/:document_id',
    {
      schema: {
        tags: ['documents'],
        summary: 'A document',
        params,
        response: { 200: documentSchema, ...problems(400, 404) },
      },
    },
    async ({ tenantId, params: { dataset_id: datasetId, document_id: id } }) => {
      const row = await readDocument(db, tenantId, datasetId, id);
      if (!row) throw documentNotFound(id);
      return documentJson(row);
    },
  );

  app.get(
    '/datasets/:dataset_id/documents/:batch/indexing-status',
    {
      schema: {
        tags: ['documents'],
        summary: 'How far the indexing of a batch has come',
        params: z.object({ dataset_id: uuid, batch: z.string().max(64) }),
        response: { 200: z.object({ data: z.array(indexingStatusSchema) }), ...problems(400, 404) },
      },
    },
    async ({ tenantId, params: { dataset_id: datasetId, batch } }) => {
      const rows = await readBatch(db, tenantId, datasetId, batch);
      if (rows.length === 0) {
        throw new ApiError({ code: 'batch_not_found', message: `There is no batch ${batch} in this dataset.` });
      }
      return { data: rows.map(indexingStatusJson) };
    },
  );

  app.get(
    '/datasets/:dataset_id/documents/:document_id/segments',
    {
      schema: {
        tags: ['documents'],
        summary: 'Segments of a document, in order',
        params,
        querystring: z.strictObject(pageQuery),
        response: {
          200: segmentPageSchema,
          ...problems(400, 404),
        },
      },
    },
    async ({ tenantId, params: { dataset_id: datasetId, document_id: id }, query }) => {
      const document = await readDocument(db, tenantId, datasetId, id);
      if (!document) throw documentNotFound(id);
      const { segments, total } = await listSegments(db, tenantId, id, query);
      return { ...pageJson(segments.map(segmentJson), query, total), doc_form: document.doc_form };
    },
  );

  app.delete(
    '/datasets/:dataset_id/documents/:document_id',
    {
      schema: {
        tags: ['documents'],
        summary: 'Delete a document',
        description: 'It is gone from every read and search at once; a task removes vectors, segments and the file.',
        params,
        response: { 204: z.null(), ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const { tenantId } = request;
      const { dataset_id: datasetId, document_id: id } = request.params;
      const taskId = uuidv7();
      const { handOver } = await surely((attempt) =>
        db.tx(async (tx) => {
          // a try before this one may have been committed unheard: then the document is gone, and its task is there
          const found = await markDocumentDeleted(tx, tenantId, datasetId, id);
          if (!found && attempt === 0) throw documentNotFound(id);
          const payload = { tenant_id: tenantId, dataset_id: datasetId, document_id: id };
          return enqueuer.within(tx, [{ task: 'clean_document_task', payload, tenantId, options: { taskId } }]);
        }),
      );
      void handOver();
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/datasets/:dataset_id/documents/:document_id/retry',
    {
      schema: {
        tags: ['documents'],
        summary: 'Index a document again, from its file',
        params,
        response: { 202: acceptedSchema, ...problems(400, 404, 409) },
      },
    },
    async (request, reply) => {
      const { tenantId } = request;
      const { dataset_id: datasetId, document_id: id } = request.params;
      const taskId = uuidv7();
      const { handOver } = await surely(() =>
        db.tx(async (tx) => {
          const [locked] = await tx.query(
            'select 1 from documents where id = $1 and tenant_id = $2 and dataset_id = $3 for update',
            [id, tenantId, datasetId],
          );
          const document = locked && (await readDocument(tx, tenantId, datasetId, id));
          if (!document) throw documentNotFound(id);
          // its own task: a try before this one was committed unheard
          if (!settled.includes(document.indexing_status) && document.task_id !== taskId) {
            throw new ApiError({
              code: 'document_busy',
              message: `The document is being indexed: ${document.indexing_status}.`,
              hint: `Wait for its task ${document.task_id}, or cancel that.`,
            });
          }
          await awaitTask(tx, tenantId, id, taskId);
          const payload = { tenant_id: tenantId, dataset_id: datasetId, document_ids: [id] };
          return enqueuer.within(tx, [
            { task: 'retry_document_indexing_task', payload, tenantId, options: { taskId } },
          ]);
        }),
      );
      void handOver();
      return reply.code(202).send({ task_id: taskId, status: 'PENDING' as const });
    },
  );
};
