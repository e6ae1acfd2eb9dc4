/** Calls of Millrace's API. Answers that no load test goes on after end the run with a sentence. */
import http, { type RefinedParams, type RefinedResponse, type RequestBody } from 'k6/http';
import { abort } from './abort.ts';
import { pause } from './pause.ts';

/** The task as `GET /v1/tasks/{task_id}` tells it, as far as it is used here. */
export interface TaskJson {
  readonly task_id: string;
  readonly status: string;
  readonly accepted_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface TaskPage {
  readonly tasks: readonly TaskJson[];
  readonly next_cursor: string | null;
}

export interface NewTask {
  readonly task: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly options: { readonly task_id: string };
}

type Response = RefinedResponse<'text'>;

/** Longer than the API's own bounds, shorter than patience. */
const timeout = '30s';
/** The longest `wait` that the API takes is 60 s. */
const maxWaitSeconds = 20;
/** How often a request is sent that got no answer, or 429 or 5xx: tasks carry ids, so that one sent twice is accepted once. */
const maxTries = 5;
const pauseSeconds = 1;
const maxToldChars = 300;

export class Client {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  /** @returns the answer's JSON; any other answer than 200 ends the run. */
  async get<T>(path: string, name: string): Promise<T> {
    return this.#expect<T>(await this.#send('GET', path, name), `GET ${path}`);
  }

  async post<T>(path: string, body: unknown, name: string): Promise<T> {
    return this.#expect<T>(await this.#send('POST', path, name, JSON.stringify(body)), `POST ${path}`);
  }

  async delete(path: string, name: string): Promise<void> {
    this.#expect(await this.#send('DELETE', path, name), `DELETE ${path}`);
  }

  /** Sends tasks, again under the same ids when the answer stays away. */
  async sendTasks(tasks: readonly NewTask[]): Promise<{ readonly accepted: boolean; readonly milliseconds: number }> {
    const [path, body] = tasks.length === 1 ? ['/v1/tasks', tasks[0]] : ['/v1/tasks/batch', { tasks }];
    const text = JSON.stringify(body);
    let milliseconds = 0;
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#send('POST', path, 'send tasks', text);
      milliseconds += response.timings.duration;
      if (response.status === 202) return { accepted: true, milliseconds };
      this.#refuseForGood(response);
      if (attempt === maxTries || !passes(response.status)) {
        console.error(`POST ${path} was not accepted (try ${attempt} of ${maxTries}): ${told(response)}`);
        return { accepted: false, milliseconds };
      }
      await pause(pauseSeconds);
      milliseconds += pauseSeconds * 1000;
    }
  }

  /** One document: as text, or as a file in a form. Sent once, for a second try might make a second document. */
  async addDocument(
    datasetId: string,
    document: { readonly name: string; readonly text: string; readonly file: boolean },
  ): Promise<{ readonly taskId: string | undefined; readonly milliseconds: number }> {
    const { name, text, file } = document;
    const path = `/v1/datasets/${datasetId}/document/${file ? 'create-by-file' : 'create-by-text'}`;
    const body = file ? { file: http.file(text, name, 'text/markdown') } : JSON.stringify({ name, text });
    const response = await this.#send('POST', path, file ? 'add file' : 'add text', body);
    this.#refuseForGood(response);
    const taskId = response.status === 200 ? (JSON.parse(response.body) as { task_id: string }).task_id : undefined;
    if (taskId === undefined) console.error(`POST ${path} was not accepted: ${told(response)}`);
    return { taskId, milliseconds: response.timings.duration };
  }

  /**
   * The task when it has ended, or as it is after so many seconds (at most 20).
   * @returns undefined when the ledger does not know it, `away` when the API does not answer as it should
   */
  async task(id: string, waitSeconds: number): Promise<TaskJson | undefined | 'away'> {
    const wait = Math.max(0, Math.min(maxWaitSeconds, Math.ceil(waitSeconds)));
    const response = await this.#send('GET', `/v1/tasks/${id}?wait=${wait}`, 'await task');
    this.#refuseForGood(response);
    if (response.status === 200) return JSON.parse(response.body) as TaskJson;
    return response.status === 404 ? undefined : 'away';
  }

  /** A page of tasks, newest first; `away` when the API does not answer as it should. */
  async tasks(filter: string, cursor: string | null): Promise<TaskPage | 'away'> {
    const after = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const response = await this.#send('GET', `/v1/tasks?limit=200${filter}${after}`, 'list tasks');
    this.#refuseForGood(response);
    return response.status === 200 ? (JSON.parse(response.body) as TaskPage) : 'away';
  }

  /** Why the task does not move, as the API says it; empty when it does not. */
  async why(id: string): Promise<string> {
    const response = await this.#send('GET', `/v1/tasks/${id}/why`, 'why');
    if (response.status !== 200) return '';
    const { sentence, mend } = JSON.parse(response.body) as { sentence: string; mend: string | null };
    const [first = ''] = sentence.slice(0, maxToldChars).split('\n');
    return mend === null ? first : `${first} ${mend}`;
  }

  async #send(method: string, path: string, name: string, body: RequestBody | null = null): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#key}` };
    if (typeof body === 'string') headers['Content-Type'] = 'application/json';
    // the name stands for the address in k6's metrics: with ids in it there would be one series for each task
    const params: RefinedParams<'text'> = { headers, timeout, tags: { name }, responseType: 'text' };
    return http.asyncRequest(method, this.#url + path, body, params);
  }

  #expect<T>(response: Response, call: string): T {
    this.#refuseForGood(response);
    if (response.status >= 200 && response.status < 300) return (response.body ? JSON.parse(response.body) : null) as T;
    if (response.status === 0) return abort(this.#away(response));
    return abort(`${call} expected an answer 2xx, instead got ${told(response)}.`);
  }

  /** What no second try mends, and concerns all that would follow. */
  #refuseForGood(response: Response): void {
    if (response.status === 401) {
      abort(
        `${this.#url} does not know this API key (401). Set MILLRACE_API_KEY, or MILLRACE_API_KEY_FILE, to a key of that installation.`,
      );
    }
    if (response.status === 429 && codeOf(response) === 'rate_limited') {
      abort(
        `${this.#url} limits how much this key may send (429). Start its API with MILLRACE_RATE_LIMIT=0 for load tests, or lower the rate.`,
      );
    }
  }

  #away(response: Response): string {
    return `Nothing answers at ${this.#url} (${response.error || 'no answer'}). Start Millrace ("make up", "docker compose up -d --wait"), or say where it is with MILLRACE_URL.`;
  }
}

const passes = (status: number) => status === 0 || status === 429 || status >= 500;

/** `code` of a problem; undefined of an answer that is none, as a proxy's. */
function codeOf({ body }: Response): unknown {
  try {
    const problem: { readonly code?: unknown } | null = JSON.parse(body ?? '');
    return problem?.code;
  } catch {
    return undefined;
  }
}

function told(response: Response): string {
  if (response.status === 0) return `no answer (${response.error})`;
  return `${response.status} ${(response.body ?? '').slice(0, maxToldChars)}`;
}
