/** The real embedded default as a process, on temporary data folders. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { type EmbeddedProcess, startEmbedded } from '../../../worker/cli/embedded-process.ts';
import { type ApiClient, createApiClient } from '../../../worker/cli/http.ts';
import { endProcess, processLives } from '../../harness/processes.ts';

const main = fileURLToPath(new URL('../../../worker/main.ts', import.meta.url));
/** Bound on a start that fails: all but one fail before they open a database. */
const endsWithinMs = 45_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `node worker/main.ts` until it ends by itself; 127.0.0.1 and any port unless told otherwise. */
export async function runToEnd(env: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH ?? '', DIFY_PORT: '0', HEALTH_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    printed.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    printed.stderr += chunk.toString();
  });
  // 'close' comes after the last of the output
  const closed = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), endsWithinMs);
  await closed;
  clearTimeout(timer);
  return { code: child.exitCode, ...printed };
}

export interface RunningEmbedded extends EmbeddedProcess {
  readonly client: ApiClient;
  readonly home: string;
}

/** What a suite started and made; `dispose` ends and removes all of it, also after a failed test. */
export class Workshop implements AsyncDisposable {
  readonly #folders: string[] = [];
  readonly #running: RunningEmbedded[] = [];

  /** A data folder that does not exist yet, or a copy of one whose process has ended. */
  async home(of?: string): Promise<string> {
    const parent = await mkdtemp(join(tmpdir(), 'millrace-embedded-'));
    this.#folders.push(parent);
    const home = join(parent, 'home');
    if (of !== undefined) await cp(of, home, { recursive: true });
    return home;
  }

  async start(home: string, env: Readonly<Record<string, string>> = {}): Promise<RunningEmbedded> {
    const started = await startEmbedded(home, { MILLRACE_SAMPLE_TASKS: 'true', ...env });
    const running = { ...started, home, client: createApiClient(started.url, started.apiKey) };
    this.#running.push(running);
    return running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child, home } of this.#running.splice(0)) {
      await endProcess(child, 'SIGKILL', 1000);
      const pid = await redisPid(home);
      if (pid !== undefined && processLives(pid)) process.kill(pid, 'SIGKILL');
    }
    for (const folder of this.#folders.splice(0)) await rm(folder, { recursive: true, force: true });
  }
}

/** The process id of the private Redis of a data folder; undefined when none answers there. */
export async function redisPid(home: string): Promise<number | undefined> {
  const read = (name: string) => readFile(join(home, 'redis', name), 'utf8').catch(() => '');
  const [port, password] = [Number(await read('port')), (await read('password')).trim()];
  if (!port) return undefined;
  const client = new Redis({
    host: '127.0.0.1',
    port,
    password,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 2000,
    commandTimeout: 2000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]);
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}

const acceptedSchema = z.object({ task_id: z.string() });
const taskSchema = z.object({ status: z.string(), attempts: z.number() });
const datasetsSchema = z.object({ data: z.array(z.object({ name: z.string() })) });

export async function send(client: ApiClient, task: string, payload: object): Promise<string> {
  return acceptedSchema.parse(await client.post('/v1/tasks', { task, payload })).task_id;
}

/** The task as it is, or once it has ended, within so many seconds. */
export async function task(client: ApiClient, id: string, waitSeconds = 0) {
  return taskSchema.parse(await client.get(`/v1/tasks/${id}?wait=${waitSeconds}`));
}

export async function datasetNames(client: ApiClient): Promise<string[]> {
  return datasetsSchema.parse(await client.get('/v1/datasets')).data.map(({ name }) => name);
}

/** Lines of a stack trace, printed or logged. */
export const stackTrace = /^\s+at .+:\d+:\d+|"stack":/m;
