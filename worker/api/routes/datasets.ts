/** Datasets, as in Dify's knowledge API. */

import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { Embedder } from '../../services/embedding/index.ts';
import { createDataset, listDatasets, markDatasetDeleted, readDataset } from '../../services/knowledge/datasets.ts';
import { ApiError, datasetNotFound } from '../problems/api-error.ts';
import { pageOf, pageQuery, problems, uuid } from '../schemas/common.ts';
import { datasetSchema, newDatasetSchema } from '../schemas/knowledge.ts';
import { surely } from '../surely.ts';
import type { PageJson } from '../types/common.ts';
import type { DatasetJson } from '../types/knowledge.ts';
import { datasetJson } from '../views/knowledge.ts';
import type { Routes } from './route.ts';

/** Refuses a model that nobody here embeds with. */
function checkModel(embedder: Embedder, model: string | undefined, provider: string | undefined): void {
  const served = embedder.model;
  const name = served.slice(served.indexOf('/') + 1);
  const fits =
    (model === undefined || model === name || model === served) &&
    (provider === undefined || served.startsWith(`${provider}/`));
  if (fits) return;
  throw new ApiError({
    code: 'embedding_model_unavailable',
    message: `This installation embeds with ${served}, not with ${[provider, model].filter(Boolean).join('/')}.`,
    hint: 'Leave embedding_model and embedding_model_provider out, or set MILLRACE_EMBEDDING_MODEL.',
  });
}

export const datasetRoutes: Routes =
  ({ db, embedder, enqueuer }) =>
  async (app) => {
    const params = z.object({ dataset_id: uuid });

    app.post(
      '/datasets',
      {
        schema: {
          tags: ['datasets'],
          summary: 'Make a dataset',
          body: newDatasetSchema,
          response: { 200: datasetSchema, ...problems(400, 409, 415, 422) },
        },
      },
      async ({ tenantId, body }): Promise<DatasetJson> => {
        checkModel(embedder, body.embedding_model, body.embedding_model_provider);
        const row = await createDataset(db, {
          tenantId,
          name: body.name,
          description: body.description,
          indexingTechnique: body.indexing_technique,
          embedding: { model: embedder.model, dimensions: embedder.dimensions },
        });
        return datasetJson(row, embedder.model);
      },
    );

    app.get(
      '/datasets',
      {
        schema: {
          tags: ['datasets'],
          summary: 'Datasets, newest first',
          querystring: z.strictObject(pageQuery),
          response: { 200: pageOf(datasetSchema), ...problems(400) },
        },
      },
      async ({ tenantId, query }): Promise<PageJson<DatasetJson>> => {
        const rows = await listDatasets(db, tenantId, query.page, query.limit);
        const [count] = await db.query<{ total: number }>(
          'select count(*)::int as total from datasets where tenant_id = $1 and deleted_at is null',
          [tenantId],
        );
        const total = count?.total ?? 0;
        return {
          data: rows.map((row) => datasetJson(row, embedder.model)),
          page: query.page,
          limit: query.limit,
          total,
          has_more: query.page * query.limit < total,
        };
      },
    );

    app.get(
      '/datasets/:dataset_id',
      {
        schema: {
          tags: ['datasets'],
          summary: 'A dataset',
          params,
          response: { 200: datasetSchema, ...problems(400, 404) },
        },
      },
      async ({ tenantId, params: { dataset_id: id } }): Promise<DatasetJson> => {
        const row = await readDataset(db, tenantId, id);
        if (!row) throw datasetNotFound(id);
        return datasetJson(row, embedder.model);
      },
    );

    app.delete(
      '/datasets/:dataset_id',
      {
        schema: {
          tags: ['datasets'],
          summary: 'Delete a dataset with all it holds',
          description: 'It is gone from every read and search at once; a task removes vectors, segments and files.',
          params,
          response: { 204: z.null(), ...problems(400, 404) },
        },
      },
      async (request, reply) => {
        const { tenantId } = request;
        const { dataset_id: id } = request.params;
        const taskId = uuidv7();
        const { handOver } = await surely((attempt) =>
          db.tx(async (tx) => {
            // a try before this one may have been committed unheard: then the dataset is gone, and its task is there
            if (!(await markDatasetDeleted(tx, tenantId, id)) && attempt === 0) throw datasetNotFound(id);
            const payload = { tenant_id: tenantId, dataset_id: id };
            return enqueuer.within(tx, [{ task: 'clean_dataset_task', payload, tenantId, options: { taskId } }]);
          }),
        );
        void handOver();
        return reply.code(204).send(null);
      },
    );
  };
