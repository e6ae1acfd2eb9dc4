import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a process group is given to end by itself after SIGTERM. */
const graceMs = 10_000;

export interface GroupResult {
  readonly exitCode: number;
  readonly timedOut: boolean;
  readonly seconds: number;
}

export interface GroupOptions {
  readonly limitSeconds: number;
  readonly stdio: SpawnOptions['stdio'];
  readonly onStart?: (child: ChildProcess) => void;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the whole group has ended.
  }
}

/**
 * Runs a command in a process group of its own; when its time is over, or this process is told to end, the whole group
 * is ended, so that nothing it started is left. A command that cannot be started has exit code 127.
 */
export async function runGroup(command: readonly string[], options: GroupOptions): Promise<GroupResult> {
  const [file = '', ...args] = command;
  const began = performance.now();
  const child = spawn(file, args, { detached: true, stdio: options.stdio });
  const { promise, resolve } = Promise.withResolvers<number>();
  child.once('error', () => resolve(127));
  child.once('close', (code) => resolve(code ?? 1));
  options.onStart?.(child);

  let timedOut = false;
  let killer: NodeJS.Timeout | undefined;
  const end = () => {
    signalGroup(child, 'SIGTERM');
    killer = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, options.limitSeconds * 1000);
  const interrupted = async (signal: NodeJS.Signals) => {
    end();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);

  const exitCode = await promise;
  // What the command left in its group ends with it.
  signalGroup(child, 'SIGKILL');
  clearTimeout(timer);
  clearTimeout(killer);
  process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted);
  return { exitCode, timedOut, seconds: (performance.now() - began) / 1000 };
}
