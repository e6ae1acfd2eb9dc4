/** The API on real servers: redis-server, PGlite in memory, files in a temporary folder, a consumer with small tasks. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, vi } from 'vitest';
import { z } from 'zod';
import { type ApiDeps, createApi, type ProblemJson } from '../../../worker/api/index.ts';
import { type Database, openPglite } from '../../../worker/db/index.ts';
import { createRegistry, defineTask, type RegisteredTask } from '../../../worker/runtime/index.ts';
import type { Embedder } from '../../../worker/services/embedding/index.ts';
import { openStorage } from '../../../worker/services/storage/storage.ts';
import { addApiKey, defaultTenantId, ensureTenant, newApiKey } from '../../../worker/services/tenants/tenants.ts';
import { PgVectorStore } from '../../../worker/services/vector/pgvector.ts';
import { prepared } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';

const otherTenantId = '00000000-0000-7000-8000-000000000002';
export const uploadLimitBytes = 3_000_000;

/** Tasks that wait for this end when it is released. */
export class Gate {
  #opened = Promise.withResolvers<void>();
  release(): void {
    this.#opened.resolve();
    this.#opened = Promise.withResolvers<void>();
  }
  wait(signal: AbortSignal): Promise<void> {
    return Promise.race([
      this.#opened.promise,
      new Promise<void>((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      ),
    ]);
  }
}

const document = { tenant_id: z.uuid(), dataset_id: z.uuid() };
const stub = (name: string, payload: z.ZodType) =>
  defineTask({ name, queue: 'dataset', description: 'Stands in for the real one.', payload, handle: async () => null });

const testTasks = (gate: Gate): RegisteredTask[] => [
  defineTask({
    name: 'test_add',
    queue: 'fast_tasks',
    description: 'Adds.',
    payload: z.strictObject({ a: z.number(), b: z.number() }),
    handle: async (_ctx, { a, b }) => ({ sum: a + b }),
  }),
  defineTask({
    name: 'test_gate',
    queue: 'fast_tasks',
    description: 'Says that it waits, and waits for the gate.',
    payload: z.strictObject({}),
    handle: async (ctx) => {
      ctx.progress({ step: 'waiting', fraction: 0.5 });
      await gate.wait(ctx.signal);
      return 'through';
    },
  }),
  defineTask({
    name: 'test_fail',
    queue: 'fast_tasks',
    description: 'Fails at once.',
    payload: z.strictObject({ why: z.string() }),
    retry: { retries: 0 },
    handle: async (_ctx, { why }) => {
      throw new Error(why);
    },
  }),
  defineTask({
    name: 'test_slow',
    queue: 'fast_tasks',
    description: 'Takes longer than it may.',
    payload: z.strictObject({}),
    timeLimitSeconds: 1,
    handle: async (ctx) =>
      new Promise<null>((_resolve, reject) =>
        ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason), { once: true }),
      ),
  }),
  stub('document_indexing_task', z.strictObject({ ...document, document_ids: z.array(z.uuid()) })),
  stub('retry_document_indexing_task', z.strictObject({ ...document, document_ids: z.array(z.uuid()) })),
  stub('recover_document_indexing_task', z.strictObject({ ...document, document_id: z.uuid() })),
  stub('clean_document_task', z.strictObject({ ...document, document_id: z.uuid() })),
  stub('clean_dataset_task', z.strictObject(document)),
];

/** A vector of a text's length: enough to be told apart. */
const embedder: Embedder = {
  model: 'test/length',
  dimensions: 2,
  embed: async (texts) => texts.map((text) => Float32Array.of(1, text.length)),
  close: async () => undefined,
};

export interface TestApi extends AsyncDisposable {
  readonly api: FastifyInstance;
  /** What it stands on, for a second one. */
  readonly deps: ApiDeps;
  /** Of the listening socket. */
  readonly port: number;
  readonly db: Database;
  readonly redis: RunningRedis;
  readonly runtime: TestRuntime;
  readonly gate: Gate;
  readonly key: string;
  readonly otherKey: string;
  /** Everything logged. */
  readonly logged: string[];
  /** Names of the files in storage. */
  files(): Promise<string[]>;
  /** With the key, unless headers say otherwise. */
  call(options: InjectOptions & { readonly url: string }): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  readonly body: any;
}

export interface TestApiOptions {
  readonly rateLimit?: number;
  /** Replaces dependencies, made from those there are. */
  readonly change?: (deps: ApiDeps) => Partial<ApiDeps>;
}

export async function startTestApi({ rateLimit = 0, change }: TestApiOptions = {}): Promise<TestApi> {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-api-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const redis = stack.use(await redisServer.start());
  const db = await openPglite(undefined);
  // a suite may have closed it
  stack.defer(() => db.close().catch(() => undefined));
  await prepared(db);
  await ensureTenant(db, otherTenantId, 'other');
  const key = newApiKey();
  const otherKey = newApiKey();
  await addApiKey(db, defaultTenantId, 'test', key);
  await addApiKey(db, otherTenantId, 'test', otherKey);
  const gate = new Gate();
  const tasks = testTasks(gate);
  const runtime = stack.use(startRuntime({ db, redis, tasks, queues: ['fast_tasks', 'dataset'] }));
  await vi.waitFor(() => expect(runtime.broker.ready).toBe(true), { timeout: 10_000 });
  const logged: string[] = [];
  const deps: ApiDeps = {
    settings: { uploadLimitBytes, rateLimit },
    version: '0.0.0-test',
    db,
    broker: runtime.broker,
    enqueuer: runtime.enqueuer,
    registry: createRegistry(tasks),
    notDurable: runtime.notDurable,
    live: runtime.live,
    hub: runtime.hub,
    limits: runtime.limits,
    storage: await openStorage({ scheme: 'fs', options: { root: folder } }),
    embedder,
    vectorStore: new PgVectorStore(db),
    log: pino({ level: 'debug' }, { write: (line) => void logged.push(line) }),
    metrics: new Registry(),
    readiness: async () => ({ ready: true, checks: { database: { ok: true } } }),
    workers: async () => [
      {
        id: randomUUID(),
        name: 'test',
        mode: 'worker',
        queues: ['fast_tasks', 'dataset'],
        slots: runtime.consumer.slots.capacity,
        running: runtime.consumer.running,
        started_at: new Date(),
        seen_at: new Date(),
      },
    ],
  };
  const changed = { ...deps, ...change?.(deps) };
  const api = await createApi(changed);
  stack.defer(() => api.close());
  await api.listen({ host: '127.0.0.1', port: 0 });
  return {
    api,
    deps: changed,
    port: (api.server.address() as AddressInfo).port,
    db,
    redis,
    runtime,
    gate,
    key,
    otherKey,
    logged,
    async files() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
    },
    async call({ headers, ...options }) {
      const answer = await api.inject({ ...options, headers: { authorization: `Bearer ${key}`, ...headers } });
      const isJson = /json/.test(String(answer.headers['content-type'] ?? ''));
      return { status: answer.statusCode, headers: answer.headers, body: isJson ? answer.json() : answer.body };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** What every problem has to hold. */
export function problem(answer: Answer): ProblemJson {
  const body: ProblemJson = answer.body;
  if (!String(answer.headers['content-type']).startsWith('application/problem+json')) {
    throw new Error(`expected a problem, instead got ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  if (
    body.status !== answer.status ||
    !body.title ||
    !body.detail ||
    body.instance !== answer.headers['x-request-id']
  ) {
    throw new Error(`a problem that does not hold together: ${JSON.stringify(answer)}`);
  }
  if (/node_modules|\.ts:\d|\bat \S+ \(/.test(JSON.stringify(body))) {
    throw new Error(`internals in a problem: ${JSON.stringify(body)}`);
  }
  return body;
}
