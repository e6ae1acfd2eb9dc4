/** The HTTP API of a deployment, as a caller uses it. */
import { until } from '../../harness/until.ts';

export interface TaskState {
  readonly task_id: string;
  readonly status: string;
  readonly error: unknown;
}

export interface NewTask {
  readonly task: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** As of `POST /v1/tasks`. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface ApiClient {
  /** @throws with status and body, when the answer is no 2xx */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Up to 1,000, all or none. */
  send(tasks: readonly NewTask[]): Promise<readonly string[]>;
  /** The task once it has ended. @throws after `withinSeconds` */
  ended(taskId: string, withinSeconds: number): Promise<TaskState>;
  /** Makes a dataset and indexes `text` in it; returns the dataset's id. */
  indexed(text: string): Promise<string>;
  /** What the best segment of the dataset holds. */
  ask(dataset: string, query: string): Promise<string>;
  /** The two together. */
  indexAndAsk(text: string, query: string): Promise<string>;
}

const callTimeoutMs = 70_000;
const answerWithinMs = 240_000;
/** The API answers a wait after so many seconds at most. */
const longestWait = 30;

export function apiClient(url: string, key: string): ApiClient {
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      signal: AbortSignal.timeout(callTimeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 1000)}`);
    return JSON.parse(text) as T;
  };
  const ended = async (taskId: string, withinSeconds: number): Promise<TaskState> => {
    const deadline = Date.now() + withinSeconds * 1000;
    for (;;) {
      const state = await call<TaskState>('GET', `/v1/tasks/${taskId}?wait=${Math.min(longestWait, withinSeconds)}`);
      if (['COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'EXPIRED'].includes(state.status)) return state;
      if (Date.now() > deadline) throw new Error(`task ${taskId} is ${state.status} after ${withinSeconds} s`);
    }
  };
  const indexed = async (text: string): Promise<string> => {
    const dataset = await call<{ id: string }>('POST', '/v1/datasets', { name: `infra ${Date.now()}` });
    const { document } = await call<{ document: { task_id: string } }>(
      'POST',
      `/v1/datasets/${dataset.id}/document/create-by-text`,
      { name: 'a document', text, indexing_technique: 'high_quality', process_rule: { mode: 'automatic' } },
    );
    const task = await ended(document.task_id, 120);
    if (task.status !== 'COMPLETED') throw new Error(`indexing ended ${task.status}: ${JSON.stringify(task.error)}`);
    return dataset.id;
  };
  const ask = async (dataset: string, query: string): Promise<string> => {
    const retrieve = async (search_method: 'hybrid_search' | 'full_text_search') => {
      const { records } = await call<{ records: { segment: { content: string } }[] }>(
        'POST',
        `/v1/datasets/${dataset}/retrieve`,
        { query, retrieval_model: { search_method, top_k: 1 } },
      );
      return records[0]?.segment.content ?? '';
    };
    let found = '';
    // the API loads its model at the first question; on a busy machine it says 503 meanwhile, and what to do about it
    await until(`an answer to "${query}"`, answerWithinMs, async () => {
      found = await retrieve('hybrid_search').catch(() => retrieve('full_text_search'));
      return found !== '';
    });
    return found;
  };
  return {
    call,
    ended,
    async send(tasks) {
      const { task_ids } = await call<{ task_ids: string[] }>('POST', '/v1/tasks/batch', { tasks });
      return task_ids;
    },
    indexed,
    ask,
    indexAndAsk: async (text, query) => ask(await indexed(text), query),
  };
}
