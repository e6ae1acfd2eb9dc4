/** A child of ours: a module started in a process of its own, which talks over a channel and does not outlive this one. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { getCompileCacheDir } from 'node:module';
import { setTimeout as wait } from 'node:timers/promises';

export interface ForkedChild<Out, In> {
  readonly pid: number | undefined;
  /** Never throws: what a child no longer hears does not matter. */
  send(message: Out): void;
  listen(listener: (message: In) => void): void;
  /** How it ended, whoever ended it. Never rejects. */
  readonly ended: Promise<{ readonly code: number | null; readonly how: string }>;
  /** All that it wrote to `lastWordsFd`, once it has ended; '' unless that was asked for. Never rejects. */
  readonly lastWords: Promise<string>;
  kill(): void;
}

export interface ForkOptions {
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
  /** Gives it `lastWordsFd`. */
  readonly lastWords?: boolean;
}

/** A file of a child that this process reads to its end: what is written there counts, however the child ends. */
export const lastWordsFd = 4;
const maxLastWordsChars = 1_000_000;
/** Something that the child started may have the file open still. */
const lastWordsMs = 1000;

/** Where standard streams of children go: theirs is the log of this process. */
const stdio: ('ignore' | 'inherit' | 'ipc' | 'pipe')[] = ['ignore', 'inherit', 'inherit', 'ipc'];

/** @template In is what the module says, and its to keep true. */
export function forkChild<Out extends object, In>(
  entry: URL,
  { args = [], execArgv = [], lastWords = false }: ForkOptions,
): ForkedChild<Out, In> {
  const child = fork(entry, args, {
    serialization: 'advanced',
    stdio: lastWords ? [...stdio, 'pipe'] : stdio,
    // what this process has compiled, the child need not
    env: { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() ?? process.env.NODE_COMPILE_CACHE },
    execArgv: [...execArgv, '--disable-warning=ExperimentalWarning'],
  });
  const guard = guardAgainstOrphan(child.pid);
  const ended = new Promise<{ code: number | null; how: string }>((resolve) => {
    const settle = (code: number | null, how: string) => {
      guard?.kill('SIGKILL');
      resolve({ code, how });
    };
    child.once('error', (error) => settle(null, `did not start (${error.message})`));
    child.once('exit', (code, signal) =>
      settle(code, signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
    );
  });
  return {
    pid: child.pid,
    send(message) {
      if (child.connected) child.send(message, () => undefined);
    },
    listen: (listener) => child.on('message', (message) => listener(message as In)),
    ended,
    lastWords: allOf(child.stdio[lastWordsFd], ended),
    kill: () => child.kill('SIGKILL'),
  };
}

async function allOf(file: ChildProcess['stdio'][number], ended: Promise<unknown>): Promise<string> {
  if (!file || !('setEncoding' in file)) return '';
  let words = '';
  file.setEncoding('utf8').on('data', (chunk: string) => {
    words = (words + chunk).slice(0, maxLastWordsChars);
  });
  const closed = once(file, 'close').catch(() => undefined);
  await ended;
  await Promise.race([closed, wait(lastWordsMs, undefined, { ref: false })]);
  return words;
}

/**
 * A shell that waits on a pipe from this process and kills the child when the pipe closes. The child sees its own channel close
 * too, but not while it is busy in a loop: a worker that was killed must not leave that behind.
 */
function guardAgainstOrphan(pid: number | undefined): ChildProcess | undefined {
  if (process.platform === 'win32' || pid === undefined) return undefined;
  const guard = spawn('/bin/sh', ['-c', 'read -r _; kill -9 "$1"', 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
    detached: true,
  });
  guard.on('error', () => undefined);
  guard.stdin?.on('error', () => undefined);
  guard.unref();
  return guard;
}
