/** A whole Millrace in this process, on Postgres and Redis, with an API that commands call over HTTP. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { Registry } from 'prom-client';
import { expect, vi } from 'vitest';
import { createApi } from '../../../worker/api/index.ts';
import { runCommandLine } from '../../../worker/cli/run.ts';
import type { Database } from '../../../worker/db/index.ts';
import type { QueueName } from '../../../worker/queues.ts';
import type { WindowLimits } from '../../../worker/runtime/index.ts';
import { createRegistry, liveWorkers, type RegisteredTask, registerWorker } from '../../../worker/runtime/index.ts';
import { addApiKey, defaultTenantId, ensureTenant, newApiKey } from '../../../worker/services/tenants/tenants.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import type { DatabaseAddress } from '../../harness/database-address.ts';
import { databaseKinds } from '../../harness/databases.ts';
import { startEmbeddingEndpoint } from '../../harness/embedding-endpoint.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';
import { endpointEmbedder, openTestServices } from '../../harness/services.ts';

const otherTenantId = '00000000-0000-7000-8000-0000000000c1';
const log = createLogger({ level: process.env.TEST_LOG === '1' ? 'debug' : 'fatal', plain: true });
const pollMs = { interval: 25, timeout: 15_000 };

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** As on a terminal so wide, answering questions with these lines; with none, by the end of input. */
  readonly terminal?: { readonly columns: number; readonly answers?: readonly string[] };
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ctrl-C, once the command has printed this. */
  readonly interruptAt?: RegExp;
}

export interface System extends AsyncDisposable {
  readonly db: Database;
  readonly address: DatabaseAddress;
  readonly redis: RunningRedis;
  readonly runtime: TestRuntime;
  readonly url: string;
  readonly key: string;
  readonly otherKey: string;
  /** Runs a command with the key of the default tenant. */
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** The answer of a command as JSON. @throws when it does not end with 0 */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  json(...args: string[]): Promise<any>;
  /** A call that no command makes. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  call(method: string, path: string, body: unknown): Promise<any>;
  /** The heartbeat that would come within 5 s. */
  beat(): void;
  /** Waits until a task stands so. */
  until(id: string, status: string): Promise<void>;
}

export interface SystemOptions {
  readonly tasks: readonly RegisteredTask[];
  readonly queues: readonly QueueName[];
  readonly slots: number;
  readonly window?: Partial<WindowLimits>;
}

export async function startSystem({ tasks: own, queues, slots, window = {} }: SystemOptions): Promise<System> {
  await using stack = new AsyncDisposableStack();
  const [kind, redis] = await Promise.all([databaseKinds.postgres(), redisServer.start()]);
  stack.use(kind);
  stack.use(redis);
  const { db, address } = stack.use(await kind.open());
  if (!address) throw new Error('expected a database with an address');
  const endpoint = stack.use(await startEmbeddingEndpoint());
  const { services, tasks: all } = stack.use(await openTestServices(db, endpointEmbedder(db, endpoint)));
  const tasks = [...all, ...own];
  const runtime = stack.use(startRuntime({ db, redis, tasks, queues, slots, window }));
  const worker = registerWorker(
    db,
    { id: randomUUID(), name: 'test', mode: 'worker', queues, pulls: true },
    runtime.consumer,
    log,
  );
  stack.defer(() => worker.stop());
  await ensureTenant(db, otherTenantId, 'other');
  const [key, otherKey] = [newApiKey(), newApiKey()];
  await addApiKey(db, defaultTenantId, 'test', key);
  await addApiKey(db, otherTenantId, 'test', otherKey);
  const api = await createApi({
    settings: { uploadLimitBytes: 3_000_000, rateLimit: 0 },
    version: '0.0.0-test',
    db,
    broker: runtime.broker,
    enqueuer: runtime.enqueuer,
    registry: createRegistry(tasks),
    notDurable: runtime.notDurable,
    live: runtime.live,
    hub: runtime.hub,
    limits: runtime.limits,
    storage: services.storage,
    embedder: services.embedder,
    vectorStore: services.vectors,
    log,
    metrics: new Registry(),
    readiness: async () => ({ ready: true, checks: {} }),
    workers: () => liveWorkers(db),
  });
  stack.defer(() => api.close());
  await api.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  await vi.waitFor(async () => {
    expect(runtime.broker.ready).toBe(true);
    expect(await liveWorkers(db)).toHaveLength(1);
  }, pollMs);
  const run: System['run'] = (args, options) =>
    runOnce(args, { ...options, env: { MILLRACE_URL: url, MILLRACE_API_KEY: key, ...options?.env } });
  const opened = stack.move();
  return {
    db,
    address,
    redis,
    runtime,
    url,
    key,
    otherKey,
    run,
    async json(...args) {
      const { code, stdout, stderr } = await run([...args, '--json']);
      if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout);
    },
    async call(method, path, body) {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const answer = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${method} ${path} was answered with ${answer.status}: ${await answer.text()}`);
      return answer.json();
    },
    beat: () => worker.nudge(),
    async until(id, status) {
      await vi.waitFor(async () => {
        const [row] = await db.query<{ status: string }>('select status from tasks where id = $1', [id]);
        expect(row?.status).toBe(status);
      }, pollMs);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Runs a command line in this process, as a process would: with streams of its own and an exit code. */
export async function runOnce(
  args: readonly string[],
  { terminal, stdin, env = {}, interruptAt }: RunOptions,
): Promise<Ran> {
  const tty = terminal && { isTTY: true, columns: terminal.columns };
  const output = Object.assign(new PassThrough(), tty);
  const errors = Object.assign(new PassThrough(), tty);
  const input = Object.assign(new PassThrough(), tty);
  const interrupted = new AbortController();
  const texts = { stdout: '', stderr: '' };
  const gather = (stream: PassThrough, name: keyof typeof texts) =>
    stream.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      if (interruptAt?.test(texts[name])) interrupted.abort();
      // a question is answered when it is asked
      if (name === 'stderr' && terminal?.answers && /\? \[y\/N\] $/.test(texts.stderr)) {
        if (terminal.answers.length === 0) input.end();
        else input.write(`${terminal.answers.join('\n')}\n`);
      }
    });
  gather(output, 'stdout');
  gather(errors, 'stderr');
  if (!terminal) input.end(stdin ?? '');
  const { exitCode } = await runCommandLine(args, {
    env,
    output,
    errors,
    input,
    interruption: () => interrupted.signal,
  });
  for (const stream of [output, errors]) {
    stream.end();
    if (!stream.readableEnded) await once(stream, 'end');
  }
  return { code: exitCode, ...texts };
}
