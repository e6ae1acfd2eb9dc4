/** Starting a child that can read code and nothing else, and looking after it from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface ChildOptions {
  /** The module to run: it exports `run`, a `BoundedTask`. */
  readonly module: URL;
  /** V8's old space, in MiB. Buffers and WebAssembly live outside it and count against `rssBytes`. */
  readonly heapMib: number;
  /** Folders the child may read, besides this package's code and its `node_modules`. None by default. */
  readonly readable?: readonly string[];
}

/** A started child with the three pipes to it. */
export interface StartedChild {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
}

/**
 * V8's semi-space, in MiB. With the default a child that streams text stood at 277 MB, with this at 155 MB, for a tenth
 * more time.
 */
const youngMib = 8;

const runner = fileURLToPath(new URL('./runner.ts', import.meta.url));
/** The package's folder: `worker/services/bounded-child` is three below it. */
const packageRoot = path.resolve(path.dirname(runner), '..', '..', '..');

/** Every `node_modules` that the package's code may be resolved from. */
function moduleFolders(): string[] {
  const folders: string[] = [];
  for (let at = packageRoot; ; at = path.dirname(at)) {
    const folder = path.join(at, 'node_modules');
    if (existsSync(folder)) folders.push(folder);
    if (path.dirname(at) === at) return folders;
  }
}

/**
 * Node's permission model: reads of code only, no writes, no child processes, no workers (a worker would not be held
 * by the model). Add-ons are allowed, because CJK splitting is one. Node 24 has no permission for the network.
 */
function permissionFlags(options: ChildOptions): string[] {
  const moduleFolder = path.dirname(fileURLToPath(options.module));
  const readable = [
    path.join(packageRoot, 'worker'),
    path.join(packageRoot, 'package.json'),
    moduleFolder,
    ...moduleFolders(),
    ...(options.readable ?? []),
  ];
  return [
    '--permission',
    '--allow-addons',
    '--disable-warning=PERM0001',
    ...readable.map((folder) => `--allow-fs-read=${folder}`),
  ];
}

/** Starts a child: an environment without our secrets, a process group of its own (Ctrl-C is the parent's to handle). */
export function startChild(options: ChildOptions): StartedChild {
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${options.heapMib}`,
      `--max-semi-space-size=${youngMib}`,
      '--disable-warning=ExperimentalWarning',
      ...permissionFlags(options),
      runner,
      options.module.href,
    ],
    {
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin', NODE_ENV: 'production', TZ: 'UTC' },
      cwd: packageRoot,
      detached: true,
      windowsHide: true,
    },
  );
  const output = child.stdio[3];
  if (child.stdin === null || child.stderr === null || output === null || output === undefined || !('read' in output)) {
    throw new Error('a child process was started without its pipes');
  }
  return { process: child, pid: child.pid ?? -1, input: child.stdin, output, errors: child.stderr };
}

/**
 * A shell that waits on a pipe from this process and kills the child when the pipe closes. The child sees its own pipes
 * close too, but not while it is busy in a loop: a parent that was killed must not leave that behind.
 */
export function guardAgainstOrphan(pid: number): ChildProcess | undefined {
  if (process.platform === 'win32' || pid < 0) return undefined;
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

/** Resident memory of a process in bytes, where the system tells it (Linux); undefined elsewhere or when it is gone. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  try {
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
