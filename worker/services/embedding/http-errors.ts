/** What an endpoint's refusals and silences mean for us. */
import { errorText, MillraceError } from '../../errors.ts';
import { EmbeddingError, PermanentEmbeddingError } from './embedder.ts';

/** Of an endpoint's own words, which may be a whole web page. */
const maxSaidChars = 500;

/** The parts of the AI SDK's APICallError that are looked at; any other thrown value has none of them. */
interface CallFailure {
  readonly statusCode?: number | undefined;
  readonly responseHeaders?: Record<string, string> | undefined;
}

/** What to say when a call did not answer in time: that error has no more in it than that it was aborted. */
export function timedOut(endpoint: string, timeoutMs: number): EmbeddingError {
  return new EmbeddingError({
    code: 'embedding_unreachable',
    message: `${endpoint} did not answer within ${timeoutMs / 1000} s.`,
    hint: 'See whether the endpoint is up; raise the timeout or lower the batch size if it is only slow.',
  });
}

/** @param now for a Retry-After that names a date */
export function embeddingErrorOf(thrown: unknown, endpoint: string, now = Date.now()): MillraceError {
  if (thrown instanceof MillraceError) return thrown;
  const { statusCode: status, responseHeaders } = failureOf(thrown);
  const said = errorText(thrown).slice(0, maxSaidChars);
  // The SDK's own complaints that are no failed call are about what it was answered.
  const complaint = thrown instanceof Error && thrown.name.startsWith('AI_') && !('statusCode' in thrown);
  if (complaint) return badAnswer(endpoint, `answered what is no list of embeddings: ${said}`, thrown);
  if (status === 401 || status === 403) {
    return new PermanentEmbeddingError({
      code: 'embedding_unauthorised',
      message: `${endpoint} refused the key (HTTP ${status}): ${said}`,
      hint: 'Set the key of this endpoint, and see that it may use the model.',
      cause: thrown,
    });
  }
  if (status === 429) {
    return new EmbeddingError({
      code: 'embedding_rate_limited',
      message: `${endpoint} says that too many requests come (HTTP 429): ${said}`,
      hint: 'Lower the requests or tokens a minute in the settings to what the endpoint allows.',
      cause: thrown,
      retryAfterMs: retryAfterMs(responseHeaders, now),
    });
  }
  if (status === undefined || status === 408 || status === 409 || status >= 500) {
    return new EmbeddingError({
      code: 'embedding_unreachable',
      message: `${endpoint} did not answer${status === undefined ? '' : ` (HTTP ${status})`}: ${said}`,
      hint: 'See whether the endpoint is up and its address is right.',
      cause: thrown,
      retryAfterMs: retryAfterMs(responseHeaders, now),
    });
  }
  if (status < 300) return badAnswer(endpoint, `answered what is no list of embeddings: ${said}`, thrown);
  return new PermanentEmbeddingError({
    code: 'embedding_refused',
    message: `${endpoint} refused the request (HTTP ${status}): ${said}`,
    hint: 'See that the model exists there, takes this many dimensions, and that texts are not longer than it allows.',
    cause: thrown,
  });
}

export function badAnswer(endpoint: string, what: string, cause?: unknown): PermanentEmbeddingError {
  return new PermanentEmbeddingError({
    code: 'embedding_bad_answer',
    message: `${endpoint} ${what}`,
    hint: 'See that address, model and dimensions belong together.',
    cause,
  });
}

function failureOf(thrown: unknown): CallFailure {
  return thrown instanceof Error && 'statusCode' in thrown && 'responseHeaders' in thrown
    ? (thrown as CallFailure)
    : {};
}

function retryAfterMs(headers: Record<string, string> | undefined, now: number): number | undefined {
  const exact = Number(headers?.['retry-after-ms'] ?? Number.NaN);
  if (Number.isFinite(exact) && exact >= 0) return exact;
  const value = headers?.['retry-after'];
  if (value === undefined) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
