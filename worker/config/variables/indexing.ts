/** Who embeds, and what a parser may take. */
import { decimal, integer, oneOf, text } from '../variable.ts';

export const indexing = {
  MILLRACE_EMBEDDING_PROVIDER: oneOf(
    'embedded',
    'openai_compatible',
  )({
    default: 'embedded',
    doc: 'Who embeds: a model in this process (English, 512 dimensions), or an OpenAI-compatible endpoint.',
  }),
  MILLRACE_EMBEDDING_BASE_URL: text({
    doc: 'Endpoint, as `http://127.0.0.1:8080/v1`; needed for `openai_compatible`.',
  }),
  OPENAI_API_KEY: text({ secret: true, doc: 'Key sent to the endpoint.' }),
  MILLRACE_EMBEDDING_MODEL: text({ doc: 'Model name; needed for `openai_compatible`.' }),
  MILLRACE_EMBEDDING_DIMENSIONS: integer(1, 4000)({ doc: 'Length of its vectors; needed for `openai_compatible`.' }),
  MILLRACE_EMBEDDING_BATCH_SIZE: integer(1, 2048, 'texts')({ default: 64, doc: 'Texts sent in one call.' }),
  MILLRACE_EMBEDDING_TIMEOUT: decimal(0.1, 600, 'seconds')({ default: 30, doc: 'Bound on one call.' }),
  MILLRACE_EMBEDDING_REQUESTS_PER_MINUTE: integer(
    0,
    1_000_000,
  )({ default: 0, doc: 'Calls a minute at most; 0 is no limit.' }),
  MILLRACE_EMBEDDING_THREADS: integer(
    1,
    64,
    'threads',
  )({
    default: 1,
    doc: 'Threads of the embedded model; each takes about 500 MB while in use.',
  }),
  MILLRACE_PARSE_MEMORY_MB: integer(
    128,
    65_536,
    'MB',
  )({ default: 512, doc: 'Memory the parser of one document may take.' }),
  MILLRACE_PARSE_TIMEOUT: integer(
    1,
    3600,
    'seconds',
  )({
    default: 60,
    doc: 'Time the parser of one document may take, besides one second a megabyte.',
  }),
} as const;
