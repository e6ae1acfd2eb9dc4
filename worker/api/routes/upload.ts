/** Reading the form of create-by-file: the file goes straight into storage, in whatever order the parts come. */
import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import type { Storage, StoredFile } from '../../services/storage/storage.ts';
import { ApiError, fieldsInvalid } from '../problems/api-error.ts';
import { zodFieldErrors } from '../problems/field-errors.ts';
import { fileName, type NewFile, newFileSchema } from '../schemas/knowledge.ts';

/** A process rule takes some hundred bytes. */
const maxDataBytes = 64 * 1024;
const maxFields = 8;

export interface Upload {
  readonly file: StoredFile;
  readonly name: string;
  readonly data: NewFile;
}

interface UploadTarget {
  readonly storage: Storage;
  readonly key: string;
  readonly limitBytes: number;
}

const formMalformed = (message: string, hint?: string) =>
  new ApiError({ code: 'form_malformed', message, ...(hint === undefined ? {} : { hint }) });

/** Passes a file on and stops it at the first byte too many: the rest is not waited for. */
async function* limited(part: MultipartFile, limitBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of part.file as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limitBytes || part.file.truncated) throw fileTooLarge(limitBytes);
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof ApiError) throw cause;
    // said here, or storage would take it for a failure of its own
    throw new ApiError({
      code: 'form_malformed',
      message: 'The form ended in the middle of its file. Nothing was accepted.',
      cause,
    });
  }
  if (part.file.truncated) throw fileTooLarge(limitBytes);
}

export const fileTooLarge = (limitBytes: number): ApiError =>
  new ApiError({
    code: 'file_too_large',
    message: `A file may have at most ${limitBytes} bytes. Nothing was accepted.`,
    hint: 'UPLOAD_FILE_SIZE_LIMIT sets the limit, in MB.',
  });

function dataOf(text: string): NewFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ApiError({
      code: 'form_malformed',
      message: 'The field `data` cannot be read as JSON.',
      hint: 'Send it as {"process_rule": {"mode": "automatic"}}, or leave it out.',
      errors: [{ field: 'data', message: 'expected JSON text' }],
      cause,
    });
  }
  const parsed = newFileSchema.safeParse(json);
  if (!parsed.success) throw fieldsInvalid(zodFieldErrors(parsed.error, ['data']));
  return parsed.data;
}

function nameOf(data: NewFile, part: string | undefined): string {
  if (data.name !== undefined) return data.name;
  const parsed = fileName.safeParse(part ?? '');
  if (parsed.success) return parsed.data;
  throw fieldsInvalid(
    parsed.error.issues.map(({ message }) => ({
      field: 'file',
      message: `its name ${message}; give a name in \`data\` instead`,
    })),
  );
}

/**
 * Reads the whole form. Whatever is thrown, no file is left behind.
 * @throws ApiError `file_too_large`, `form_malformed`, `request_invalid`
 */
export async function readUpload(request: FastifyRequest, { storage, key, limitBytes }: UploadTarget): Promise<Upload> {
  let file: StoredFile | undefined;
  let partName: string | undefined;
  let dataText: string | undefined;
  try {
    const parts = request.parts({
      // one byte more than allowed, so that a file of just the limit is not cut
      limits: { fileSize: limitBytes + 1, files: 1, fields: maxFields, fieldSize: maxDataBytes, parts: maxFields + 1 },
    });
    for await (const part of parts) {
      if (part.type === 'file' && part.fieldname === 'file') {
        partName = part.filename;
        file = await storage.put(key, limited(part, limitBytes));
      } else if (part.type === 'field' && part.fieldname === 'data') {
        if (part.valueTruncated) throw formMalformed(`The field \`data\` is longer than ${maxDataBytes} bytes.`);
        // a part that says it is JSON comes parsed
        dataText = typeof part.value === 'string' ? part.value : JSON.stringify(part.value);
      } else {
        if (part.type === 'file') part.file.destroy();
        throw formMalformed(
          `The form has a part \`${part.fieldname}\`, which is not known here.`,
          'Send `data` (JSON text) and `file`.',
        );
      }
    }
    if (!file) {
      throw new ApiError({
        code: 'form_malformed',
        message: 'The form has no part `file` with a file in it.',
        hint: "With curl: -F 'data={};type=text/plain' -F 'file=@report.pdf'.",
        errors: [{ field: 'file', message: 'is missing' }],
      });
    }
    if (file.sizeBytes === 0) throw fieldsInvalid([{ field: 'file', message: 'is empty' }]);
    const data = dataOf(dataText ?? '{}');
    return { file, data, name: nameOf(data, partName) };
  } catch (error) {
    if (file) await storage.delete(file.key).catch(() => undefined);
    throw error;
  }
}
