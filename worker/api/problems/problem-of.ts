/** From anything thrown to what the caller is told: never an internal, never a stack trace. */
import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { sqlState } from '../../db/index.ts';
import { MillraceError } from '../../errors.ts';
import { PayloadError } from '../../runtime/index.ts';
import type { ProblemJson } from '../types/common.ts';
import { ApiError, type FieldError, summaryOf } from './api-error.ts';
import { isProblemCode, type ProblemCode, problemKinds } from './catalogue.ts';
import { isDatabaseAway, mayHaveCommitted } from './database-away.ts';
import { fieldErrors } from './field-errors.ts';

interface Told {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly hint?: string | undefined;
  readonly errors?: readonly FieldError[] | undefined;
}

const nothingAccepted = 'Nothing was accepted.';

/** What fastify and its plugins say, in our words. */
const frameworkProblems: Readonly<Record<string, Told>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'json_malformed', detail: 'The body cannot be read as JSON.' },
  FST_ERR_CTP_EMPTY_JSON_BODY: {
    code: 'json_malformed',
    detail: 'The body is empty, although its Content-Type says JSON.',
    hint: 'Send a body, or leave the Content-Type out.',
  },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'http_malformed',
    detail: 'The body is not as long as its Content-Length says.',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'body_too_large',
    detail: `The body is larger than this call takes. ${nothingAccepted}`,
    hint: 'Send large batches in parts, and large texts as files with create-by-file.',
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'media_type_unsupported',
    detail: 'The Content-Type is not taken here.',
    hint: 'Send JSON as application/json; files go to create-by-file as multipart/form-data.',
  },
  FST_ERR_BAD_URL: { code: 'http_malformed', detail: 'The address cannot be decoded.' },
  FST_ERR_MAX_PARAM_LENGTH: { code: 'url_too_long', detail: 'A part of the address is too long.' },
  FST_PARTS_LIMIT: { code: 'form_too_large', detail: 'The form holds too many parts.' },
  FST_FILES_LIMIT: {
    code: 'form_too_large',
    detail: 'The form holds more than one file.',
    hint: 'Send one file a call.',
  },
  FST_FIELDS_LIMIT: { code: 'form_too_large', detail: 'The form holds too many fields.' },
  FST_PROTO_VIOLATION: { code: 'form_malformed', detail: 'A field of the form has a reserved name.' },
  FST_INVALID_JSON_FIELD_ERROR: { code: 'form_malformed', detail: 'The field `data` cannot be read as JSON.' },
  FST_MP_PREMATURE_CLOSE: { code: 'form_malformed', detail: 'The form ended in the middle.' },
};

/** SQLSTATEs of text that Postgres cannot keep: U+0000, half of a surrogate pair. */
const unkeepableText = new Set(['22P05', '22021']);

function told(thrown: unknown, readOnly: boolean): Told {
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const errors = fieldErrors(thrown.validation);
    return { code: 'request_invalid', detail: summaryOf(errors), errors };
  }
  if (thrown instanceof PayloadError) {
    const errors = thrown.issues.map(({ field, message }) => ({
      field: field === '' ? 'payload' : `payload.${field}`,
      message,
    }));
    const code = thrown.code === 'payload_too_large' ? 'payload_too_large' : 'payload_invalid';
    return { code, detail: thrown.message, hint: thrown.hint, errors };
  }
  if (thrown instanceof ApiError) {
    return { code: thrown.code, detail: thrown.message, hint: thrown.hint, errors: thrown.errors };
  }
  if (isDatabaseAway(thrown)) return databaseTold(readOnly || !mayHaveCommitted(thrown));
  if (thrown instanceof MillraceError) return millraceTold(thrown);
  const state = sqlState(thrown);
  if (state !== undefined && unkeepableText.has(state)) {
    return {
      code: 'text_malformed',
      detail: `A text holds U+0000 or half of a surrogate pair, which cannot be stored. ${nothingAccepted}`,
    };
  }
  const { code = '', statusCode } = (thrown instanceof Error ? thrown : {}) as Partial<FastifyError>;
  const known = frameworkProblems[code];
  if (known) return known;
  if (statusCode === 400 && thrown instanceof SyntaxError) {
    return { code: 'json_malformed', detail: 'The body cannot be read as JSON.' };
  }
  return internal;
}

const internal: Told = {
  code: 'internal_error',
  detail: 'The request could not be served; the log of this process says why, under the id in `instance`.',
};

const databaseTold = (certain: boolean): Told =>
  certain
    ? {
        code: 'database_unavailable',
        detail: `The database cannot be reached. ${nothingAccepted}`,
        hint: 'Send the request again when /readyz answers 200.',
      }
    : {
        code: 'outcome_unknown',
        detail: 'The connection to the database broke while it answered: the request may or may not have been taken.',
        hint: 'Look whether it was, or send it again.',
      };

/** Codes of the rooms below that mean something to a caller. Others are our own mistakes. */
function millraceTold({ code, message, hint }: MillraceError): Told {
  if (code === 'storage_failed' || code === 'file_missing') {
    return {
      code: 'storage_failed',
      detail: `The file storage did not do its part. ${nothingAccepted}`,
      hint: 'Send the request again; if it stays so, the storage is full or unreachable.',
    };
  }
  if (/^embedding_(rate_limited|unreachable|timed_out|queue_full|crashed|closed)$/.test(code)) {
    return {
      code: 'embedding_unavailable',
      detail: 'The query could not be embedded just now.',
      hint: 'Send the request again, or search with full_text_search.',
    };
  }
  if (code.startsWith('embedding_') && !isProblemCode(code)) {
    return { code: 'embedding_failed', detail: 'The embedding model refused the query or answered what is no vector.' };
  }
  return isProblemCode(code) ? { code, detail: message, hint } : internal;
}

/** @param readOnly of requests that change nothing: they leave no doubt behind */
export function problemOf(thrown: unknown, instance: string, readOnly: boolean): ProblemJson {
  const { code, detail, hint, errors } = told(thrown, readOnly);
  const { status, title } = problemKinds[code];
  return {
    code,
    title,
    status,
    detail,
    instance,
    ...(hint === undefined ? {} : { hint }),
    ...(errors === undefined ? {} : { errors }),
  };
}
