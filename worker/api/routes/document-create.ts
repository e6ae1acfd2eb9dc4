/** Documents come in: as text, or as a file. */
import multipart from '@fastify/multipart';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { documentStorageKey, newDocumentId } from '../../services/knowledge/documents.ts';
import { ApiError } from '../problems/api-error.ts';
import { problems, uuid } from '../schemas/common.ts';
import { documentCreatedSchema, newTextSchema, uploadFormSchema } from '../schemas/knowledge.ts';
import type { DocumentCreatedJson } from '../types/knowledge.ts';
import { lingerAfter } from './linger.ts';
import { checkTechnique, datasetFor, makeDocument } from './new-document.ts';
import type { Routes } from './route.ts';
import { fileTooLarge, readUpload } from './upload.ts';

/** Texts longer than this come as files, which are streamed. */
const maxTextBodyBytes = 16 * 1024 * 1024;
/** What a form takes besides its file: `data`, headers of parts, boundaries. */
const formOverheadBytes = 256 * 1024;

const params = z.object({ dataset_id: uuid });

export const documentCreateRoutes: Routes = (deps) => async (app) => {
  const { storage, settings } = deps;
  const limitBytes = settings.uploadLimitBytes;
  await app.register(multipart, { throwFileSizeLimit: false });

  for (const [path, hide] of [
    ['create-by-text', false],
    ['create_by_text', true],
  ] as const) {
    app.post(
      `/datasets/:dataset_id/document/${path}`,
      {
        bodyLimit: Math.min(maxTextBodyBytes, limitBytes + formOverheadBytes),
        schema: {
          hide,
          tags: ['documents'],
          summary: 'Add a text',
          params,
          body: newTextSchema,
          response: { 200: documentCreatedSchema, ...problems(400, 404, 413, 415, 422) },
        },
      },
      async ({ tenantId, params: { dataset_id: datasetId }, body }): Promise<DocumentCreatedJson> => {
        checkTechnique(await datasetFor(deps, tenantId, datasetId), body.indexing_technique);
        const bytes = Buffer.from(body.text);
        if (bytes.length > limitBytes) throw fileTooLarge(limitBytes);
        const id = newDocumentId();
        const content = (async function* () {
          yield bytes;
        })();
        const file = await storage.put(documentStorageKey(tenantId, id), content);
        return makeDocument(deps, {
          id,
          tenantId,
          datasetId,
          name: body.name,
          source: 'text_input',
          file,
          processRule: body.process_rule,
          language: body.doc_language,
        });
      },
    );
  }

  const createByFile = async (request: FastifyRequest, datasetId: string): Promise<DocumentCreatedJson> => {
    const { tenantId } = request;
    if (!request.isMultipart()) {
      throw new ApiError({
        code: 'media_type_unsupported',
        message: 'Expected a form (multipart/form-data) with the parts `data` and `file`.',
        hint: "With curl: -F 'data={}' -F 'file=@report.pdf'.",
      });
    }
    const dataset = await datasetFor(deps, tenantId, datasetId);
    if (Number(request.headers['content-length'] ?? 0) > limitBytes + formOverheadBytes) throw fileTooLarge(limitBytes);
    const id = newDocumentId();
    const { file, name, data } = await readUpload(request, {
      storage,
      key: documentStorageKey(tenantId, id),
      limitBytes,
    });
    try {
      checkTechnique(dataset, data.indexing_technique);
    } catch (error) {
      await storage.delete(file.key).catch(() => undefined);
      throw error;
    }
    return makeDocument(deps, {
      id,
      tenantId,
      datasetId,
      name,
      source: 'upload_file',
      file,
      processRule: data.process_rule,
      language: data.doc_language,
    });
  };

  const refuseGently = async (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
    lingerAfter(request, reply);

  for (const [path, hide] of [
    ['create-by-file', false],
    ['create_by_file', true],
  ] as const) {
    app.post(
      `/datasets/:dataset_id/document/${path}`,
      {
        config: { form: uploadFormSchema },
        onError: refuseGently,
        schema: {
          hide,
          tags: ['documents'],
          summary: 'Add a file',
          consumes: ['multipart/form-data'],
          params,
          response: { 200: documentCreatedSchema, ...problems(400, 404, 413, 415, 422) },
        },
      },
      (request) => createByFile(request, request.params.dataset_id),
    );
  }
};
