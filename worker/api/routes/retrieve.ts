/** Searching a dataset. */
import { z } from 'zod';
import type { RetrievalRecord } from '../../services/retrieval/records.ts';
import { retrievalModelSchema } from '../../services/retrieval/retrieval-model.ts';
import { maxQueryChars, RetrievalError, retrieve } from '../../services/retrieval/retrieve.ts';
import { ApiError, datasetNotFound } from '../problems/api-error.ts';
import { components, problems, uuid } from '../schemas/common.ts';
import type { Routes } from './route.ts';

const bodySchema = z
  .strictObject({
    query: z
      .string({ error: 'expected a text' })
      .trim()
      .min(1, { error: 'must not be empty' })
      .max(maxQueryChars, { error: `must have at most ${maxQueryChars} characters` }),
    retrieval_model: retrievalModelSchema.prefault({}),
  })
  .meta({
    examples: [
      { query: 'When does the mill stand still?', retrieval_model: { search_method: 'hybrid_search', top_k: 3 } },
    ],
  });

const recordSchema: z.ZodType<RetrievalRecord> = z
  .object({
    segment: z.object({
      id: uuid,
      position: z.int(),
      document_id: uuid,
      document: z.object({ id: uuid, name: z.string(), data_source_type: z.enum(['upload_file', 'text_input']) }),
      content: z.string(),
      word_count: z.int(),
      tokens: z.int(),
      keywords: z.array(z.string()),
      page: z.int().nullable(),
      section: z.string().nullable(),
      child_chunks: z
        .array(z.object({ id: uuid, position: z.int(), content: z.string(), score: z.number() }))
        .exactOptional(),
    }),
    score: z.number(),
  })
  .register(components, { id: 'RetrievalRecord' });

interface RetrieveJson {
  readonly query: { readonly content: string };
  readonly records: readonly RetrievalRecord[];
}

const answerSchema: z.ZodType<RetrieveJson> = z.object({
  query: z.object({ content: z.string() }),
  records: z.array(recordSchema),
});

export const retrieveRoutes: Routes =
  ({ db, vectorStore, embedder }, closing) =>
  async (app) => {
    app.post(
      '/datasets/:dataset_id/retrieve',
      {
        schema: {
          tags: ['datasets'],
          summary: 'Search a dataset: the best segments with their scores',
          params: z.object({ dataset_id: uuid }),
          body: bodySchema,
          response: {
            200: answerSchema,
            ...problems(400, 404, 415, 422, 502),
          },
        },
      },
      async (request, reply): Promise<RetrieveJson> => {
        const { query, retrieval_model: retrievalModel } = request.body;
        const { dataset_id: datasetId } = request.params;
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        const signal = AbortSignal.any([closing.signal, gone.signal]);
        try {
          const records = await retrieve(
            { db, vectors: vectorStore, embedder },
            { tenantId: request.tenantId, datasetId, query, retrievalModel, signal },
          );
          return { query: { content: query }, records };
        } catch (error) {
          if (!(error instanceof RetrievalError)) throw error;
          if (error.code === 'dataset_not_found') throw datasetNotFound(datasetId);
          throw new ApiError({
            code: 'retrieval_invalid',
            message: error.message,
            ...(error.hint === undefined ? {} : { hint: error.hint }),
            cause: error,
          });
        }
      },
    );
  };
