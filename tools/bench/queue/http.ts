/** Millrace through its API: what POST requests get committed a second, and whether it takes tasks that are not durable. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Enqueued, EnqueueRequest } from '../../../loadtest/peers/protocol.ts';
import { startMillrace } from '../../../test/harness/millrace-process.ts';
import type { Ledger } from './ledger.ts';
import { LineChild } from './line-child.ts';
import { type Millrace, millraceEnvironment } from './millrace.ts';
import { callers, httpMetrics, subjects } from './names.ts';
import type { Samples } from './samples.ts';
import type { Servers } from './subject.ts';

const producerFile = fileURLToPath(new URL('http-producer.ts', import.meta.url));
const timeoutMs = 60_000;
const batchConnections = 4;
const warmUp = { count: 1000, callers, batch: 1 };
const keyBytes = 24;

const ways = [
  { metric: httpMetrics.single, count: 6000, callers, batch: 1 },
  { metric: httpMetrics.batch, count: 20_000, callers: batchConnections, batch: 1000 },
];

interface Api extends AsyncDisposable {
  readonly url: string;
  readonly key: string;
}

async function startApi(servers: Servers): Promise<Api> {
  const key = randomBytes(keyBytes).toString('hex');
  const child = await startMillrace({ ...millraceEnvironment(servers), MODE: 'api', MILLRACE_API_KEY: key });
  const { url } = child;
  if (url === undefined) throw new Error(`the API did not say where it listens:\n${child.log()}`);
  return { url, key, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** One round. @throws Error when an accepted task is not in the ledger. */
export async function measureHttp(
  millrace: Millrace,
  servers: Servers,
  ledger: Ledger,
  samples: Samples,
): Promise<void> {
  await millrace.reset();
  await using api = await startApi(servers);
  await using producer = await LineChild.start({
    name: 'HTTP producer',
    command: [process.execPath, producerFile],
    env: { API_URL: api.url, API_KEY: api.key },
  });
  const send = (request: Omit<EnqueueRequest, 'work'>) =>
    producer.ask<Enqueued>({ work: 'enqueue', ...request } satisfies EnqueueRequest, timeoutMs);
  let sum = (await send(warmUp)).accepted;
  for (const { metric, ...request } of ways) {
    const { accepted, seconds } = await send(request);
    samples.add(subjects.durable, metric, 'tasks/s', accepted / seconds);
    sum += accepted;
    const rows = await ledger.waiting();
    if (rows !== sum) throw new Error(`the API accepted ${sum} tasks, and the ledger holds ${rows}`);
    await ledger.settled();
  }
}

/** Whether `durable: false` is taken; until it is, the API answers 422 `durable_only`. */
export async function takesNotDurable(servers: Servers): Promise<boolean> {
  await using api = await startApi(servers);
  const response = await fetch(`${api.url}/v1/tasks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ task: 'sample_noop', payload: {}, options: { durable: false } }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await response.text();
  if (response.status === 422 && text.includes('durable_only')) return false;
  if (response.ok) return true;
  throw new Error(`expected 202, or 422 durable_only, for a task that is not durable, got ${response.status}: ${text}`);
}
