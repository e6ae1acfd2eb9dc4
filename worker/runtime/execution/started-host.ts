/** A host as its worker sees it: a thread or a child that runs one handler at a time. */
import { readFile } from 'node:fs/promises';
import { forkChild } from './fork-child.ts';
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

export function startChild({ entry, heapMib }: HostStart): StartedHost {
  const { pid, send, listen, ended, kill } = forkChild<ToHost, FromHost>(entry, {
    execArgv: [`--max-old-space-size=${heapMib}`],
  });
  return { send, listen, ended: ended.then(({ how }) => how), memoryBytes: () => residentBytes(pid), kill };
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
