/** An embedded Millrace as a child process, on a data folder of its own: how the demo and tests run the real thing. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MillraceError } from '../errors.ts';

export interface EmbeddedProcess {
  readonly url: string;
  readonly apiKey: string;
  readonly child: ChildProcess;
  /** All it printed so far, the newest part of it. */
  output(): string;
  /** Sends SIGTERM and waits for its end; SIGKILL when that takes too long. Resolves with the exit code. */
  stop(): Promise<number | null>;
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
const readyTimeoutMs = 60_000;
const pollMs = 50;
const stopTimeoutMs = 45_000;
const maxOutputChars = 200_000;

/** @throws MillraceError `embedded_not_ready` with what it printed, when it ends or is not ready in time. */
export async function startEmbedded(home: string, env: Record<string, string> = {}): Promise<EmbeddedProcess> {
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, MODE: 'all', DIFY_PORT: '0', MILLRACE_HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-maxOutputChars);
    });
  }
  const ended = once(child, 'exit');
  const deadline = Date.now() + readyTimeoutMs;
  let ready: { url: string; apiKey: string } | undefined;
  while (!ready) {
    if (child.exitCode !== null || child.signalCode !== null) throw notReady('it ended', output);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw notReady(`it took longer than ${readyTimeoutMs / 1000} s`, output);
    }
    ready = await whenReady(home, child.pid);
    if (!ready) await Promise.race([wait(pollMs), ended]);
  }
  return {
    ...ready,
    child,
    output: () => output,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await ended;
      clearTimeout(kill);
      return child.exitCode;
    },
  };
}

/** The address and key, once the process with this pid has written that it is ready. */
async function whenReady(home: string, pid: number | undefined): Promise<{ url: string; apiKey: string } | undefined> {
  try {
    const running: { pid: number; url: string } = JSON.parse(await readFile(join(home, 'running.json'), 'utf8'));
    if (running.pid !== pid) return undefined;
    return { url: running.url, apiKey: (await readFile(join(home, 'api-key'), 'utf8')).trim() };
  } catch {
    return undefined;
  }
}

const notReady = (why: string, output: string) =>
  new MillraceError({
    code: 'embedded_not_ready',
    message: `The embedded Millrace did not get ready: ${why}. It printed:\n${output.trimEnd() || '(nothing)'}`,
  });
