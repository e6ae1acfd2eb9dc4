/** A Millrace process of one mode, as the image starts it, against servers of the harness. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { endProcess } from './processes.ts';

const main = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));
const readyTimeoutMs = 60_000;
const stopTimeoutMs = 45_000;
const keptLines = 60;

const living = new Set<ChildProcess>();
// A test process that ends without disposing must not leave a worker behind.
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export interface MillraceProcess extends AsyncDisposable {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Address of the API; of modes with one. */
  readonly url: string | undefined;
  /** Its newest log lines. */
  log(): string;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts `worker/main.ts` as the image does, with this environment, and waits until it says that it is ready. */
export function startMillrace(env: Readonly<Record<string, string>>): Promise<MillraceProcess> {
  const child = spawn(process.execPath, ['--no-allocation-site-pretenuring', main], {
    env: { PATH: process.env.PATH ?? '', DIFY_BIND_ADDRESS: '127.0.0.1', DIFY_PORT: '0', HEALTH_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return readyMillrace(child);
}

/** A process that is or becomes Millrace, once it says that it is ready. */
export async function readyMillrace(
  child: ChildProcessByStdio<null, Readable, Readable>,
  readyWithinMs = readyTimeoutMs,
): Promise<MillraceProcess> {
  const lines: string[] = [];
  const { promise: ready, resolve, reject } = Promise.withResolvers<{ url?: string }>();
  const timer = setTimeout(() => {
    reject(new Error(`not ready in time:\n${lines.join('\n')}`));
    child.kill('SIGKILL');
  }, readyWithinMs);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      if (line.includes('"msg":"ready"')) resolve(JSON.parse(line));
    });
  }
  child.once('exit', (code) => reject(new Error(`ended with exit code ${code}:\n${lines.join('\n')}`)));
  living.add(child);
  child.once('exit', () => living.delete(child));
  const { url } = await ready.finally(() => clearTimeout(timer));
  return {
    pid: child.pid ?? 0,
    child,
    url,
    log: () => lines.join('\n'),
    async stop() {
      await endProcess(child, 'SIGTERM', stopTimeoutMs);
      return child.exitCode;
    },
    kill: () => endProcess(child, 'SIGKILL', stopTimeoutMs),
    [Symbol.asyncDispose]: () => endProcess(child, 'SIGTERM', stopTimeoutMs),
  };
}
