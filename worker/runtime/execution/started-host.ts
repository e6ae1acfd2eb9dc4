/** A host as its worker sees it: a thread or a child that runs one handler at a time. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { getCompileCacheDir } from 'node:module';
import type { FromHost, ToHost } from './messages.ts';
import { startThreadOn } from './start-thread.ts';

export interface StartedHost {
  /** Never throws: what a host no longer hears does not matter. */
  send(message: ToHost): void;
  listen(listener: (message: FromHost) => void): void;
  /** How it ended, whoever ended it. Never rejects. */
  readonly ended: Promise<string>;
  /** Memory it takes, in bytes; undefined where that cannot be told. */
  memoryBytes(): Promise<number | undefined>;
  kill(): void;
}

export interface HostStart {
  /** The module to start: it calls `serveHost`. */
  readonly entry: URL;
  /** Bound of its heap; past it, V8 ends it. */
  readonly heapMib: number;
}

/** Where standard streams of children go: theirs is the log of this process. */
const stdio: ('ignore' | 'inherit' | 'ipc')[] = ['ignore', 'inherit', 'inherit', 'ipc'];

export function startChild({ entry, heapMib }: HostStart): StartedHost {
  const child = fork(entry, {
    serialization: 'advanced',
    stdio,
    // what this process has compiled, the child need not
    env: { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() ?? process.env.NODE_COMPILE_CACHE },
    execArgv: [`--max-old-space-size=${heapMib}`, '--disable-warning=ExperimentalWarning'],
  });
  const guard = guardAgainstOrphan(child.pid);
  const ended = new Promise<string>((resolve) => {
    const settle = (how: string) => {
      guard?.kill('SIGKILL');
      resolve(how);
    };
    child.once('error', (error) => settle(`did not start (${error.message})`));
    child.once('exit', (code, signal) =>
      settle(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`),
    );
  });
  return {
    send(message) {
      if (child.connected) child.send(message, () => undefined);
    },
    listen: (listener) => child.on('message', (message) => listener(message as FromHost)),
    ended,
    memoryBytes: () => residentBytes(child.pid),
    kill: () => child.kill('SIGKILL'),
  };
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

async function residentBytes(pid: number | undefined): Promise<number | undefined> {
  if (process.platform !== 'linux' || pid === undefined) return undefined;
  try {
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

export function startThread({ entry, heapMib }: HostStart): StartedHost {
  const thread = startThreadOn(entry, { resourceLimits: { maxOldGenerationSizeMb: heapMib } });
  let last: unknown;
  thread.on('error', (error) => {
    last = error;
  });
  const ended = new Promise<string>((resolve) => {
    thread.once('exit', (code) => {
      const why = last instanceof Error ? `: ${last.message}` : '';
      resolve(`ended with exit code ${code}${why}`);
    });
  });
  return {
    send: (message) => thread.postMessage(message),
    listen: (listener) => thread.on('message', listener),
    ended,
    async memoryBytes() {
      try {
        const { used_heap_size, external_memory } = await thread.getHeapStatistics();
        return used_heap_size + external_memory;
      } catch {
        return undefined;
      }
    },
    kill: () => void thread.terminate(),
  };
}
