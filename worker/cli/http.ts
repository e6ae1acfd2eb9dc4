/** The HTTP API, as the command line calls it. */
import { MillraceError } from '../errors.ts';

export interface ApiClient {
  readonly url: string;
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
  upload(path: string, data: unknown, file: { readonly name: string; readonly content: Uint8Array }): Promise<unknown>;
}

/** Bound on one call: uploads of 200 MB to this machine take seconds. */
const callTimeoutMs = 60_000;

export function createApiClient(url: string, key: string): ApiClient {
  const call = async (path: string, init: RequestInit): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(callTimeoutMs),
    });
    const answer: unknown = response.status === 204 ? undefined : await response.json();
    if (response.ok) return answer;
    throw problemError(`${init.method ?? 'GET'} ${path}`, response.status, answer);
  };
  return {
    url,
    get: (path) => call(path, {}),
    post: (path, body) =>
      call(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    upload: (path, data, file) => {
      const form = new FormData();
      form.set('data', JSON.stringify(data));
      form.set('file', new Blob([Uint8Array.from(file.content)]), file.name);
      return call(path, { method: 'POST', body: form });
    },
  };
}

function problemError(what: string, status: number, problem: unknown): MillraceError {
  const { code, detail, hint } = (problem ?? {}) as { code?: string; detail?: string; hint?: string };
  return new MillraceError({
    code: code ?? `http_${status}`,
    message: `${what} was answered with ${status}: ${detail ?? 'no reason given'}`,
    ...(hint === undefined ? {} : { hint }),
  });
}
