/** The HTTP API, as the command line calls it. */
import type { MillraceError } from '../errors.ts';
import { CommandError, exitCode } from './exit-codes.ts';
import { readEvents, type ServerEvent } from './server-events.ts';

export interface UploadedFile {
  readonly name: string;
  readonly content: Uint8Array | Blob;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Answers are of the shapes that worker/api/types/ names: the API is of the same release. */
export interface ApiClient {
  readonly url: string;
  get<T = unknown>(path: string, options?: CallOptions): Promise<T>;
  post<T = unknown>(path: string, body: unknown): Promise<T>;
  delete<T = unknown>(path: string): Promise<T>;
  upload<T = unknown>(path: string, data: unknown, file: UploadedFile): Promise<T>;
  /** Server-sent events until the stream ends. */
  events(path: string, options?: CallOptions): AsyncGenerator<ServerEvent>;
}

/** Bound on one call: above the longest wait that the API takes (60 s). */
const callTimeoutMs = 75_000;
/** An upload of the largest file, at some MB a second. */
const uploadTimeoutMs = 600_000;

/** @param explain makes of what `fetch` throws what a person is told */
export function createApiClient(
  url: string,
  key: string,
  explain: (cause: unknown) => unknown = (cause) => cause,
): ApiClient {
  const request = async (
    path: string,
    init: RequestInit,
    timeoutMs: number | undefined,
    { signal }: CallOptions = {},
  ): Promise<Response> => {
    const signals = [...(timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)]), ...(signal ? [signal] : [])];
    try {
      return await fetch(`${url}${path}`, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${key}` },
        signal: AbortSignal.any(signals),
      });
    } catch (cause) {
      if (signal?.aborted) throw cause;
      throw explain(cause);
    }
  };
  const read = async (response: Response, { signal }: CallOptions = {}): Promise<unknown> => {
    try {
      return await bodyOf(response, url);
    } catch (cause) {
      if (signal?.aborted || cause instanceof CommandError) throw cause;
      // broken off in its middle
      throw explain(cause);
    }
  };
  const call = async <T>(
    path: string,
    init: RequestInit,
    options?: CallOptions,
    timeoutMs = callTimeoutMs,
  ): Promise<T> => {
    const response = await request(path, init, timeoutMs, options);
    const answer = await read(response, options);
    // the one place where an answer gets its type
    if (response.ok) return answer as T;
    throw problemError(`${init.method ?? 'GET'} ${path}`, response.status, answer);
  };
  const json = { 'content-type': 'application/json' };
  return {
    url,
    get: (path, options) => call(path, {}, options),
    post: (path, body) =>
      call(
        path,
        body === undefined ? { method: 'POST' } : { method: 'POST', body: JSON.stringify(body), headers: json },
      ),
    delete: (path) => call(path, { method: 'DELETE' }),
    upload: (path, data, { name, content }) => {
      const form = new FormData();
      form.set('data', JSON.stringify(data));
      form.set('file', content instanceof Blob ? content : new Blob([Uint8Array.from(content)]), name);
      return call(path, { method: 'POST', body: form }, undefined, uploadTimeoutMs);
    },
    async *events(path, options) {
      const response = await request(path, { headers: { accept: 'text/event-stream' } }, undefined, options);
      if (!response.ok) throw problemError(`GET ${path}`, response.status, await read(response, options));
      if (response.body) yield* readEvents(response.body);
    },
  };
}

/** @throws CommandError `api_not_millrace`; what `fetch` throws when the answer breaks off */
async function bodyOf(response: Response, url: string): Promise<unknown> {
  if (response.status === 204) return undefined;
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CommandError({
      code: 'api_not_millrace',
      message: `What answers at ${url} (${response.status}) does not speak JSON: it is no Millrace, or a proxy stands before it.`,
      hint: 'Check --url or MILLRACE_URL.',
      exitCode: exitCode.unavailable,
      cause,
    });
  }
}

const exitCodes: Readonly<Record<number, number>> = { 401: exitCode.config, 503: exitCode.unavailable };

function problemError(what: string, status: number, problem: unknown): MillraceError {
  const { code, detail, hint } = (problem ?? {}) as { code?: string; detail?: string; hint?: string };
  return new CommandError({
    code: code ?? `http_${status}`,
    message: `${what} was answered with ${status}: ${detail ?? 'no reason given'}`,
    exitCode: exitCodes[status] ?? exitCode.failed,
    ...(hint === undefined ? {} : { hint }),
  });
}
