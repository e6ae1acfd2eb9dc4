/** Runs a command to its end, bounded, and tells its last lines when it fails. */
import { spawn } from 'node:child_process';
import { MillraceError } from '../../worker/errors.ts';

const keptLines = 30;
/** From SIGTERM to SIGKILL. */
const graceMs = 10_000;
/** What a command started may live on and hold its output open: that is waited for no longer. */
const outputMs = 2000;

export interface CommandOptions {
  readonly cwd: string;
  /** Besides this process's own environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly limitSeconds: number;
  /** Ends it before. */
  readonly signal?: AbortSignal;
}

/** @throws MillraceError `command_not_found`, `command_failed`; the reason of `signal` */
export async function runCommand(words: readonly string[], options: CommandOptions): Promise<void> {
  const { cwd, env, limitSeconds, signal } = options;
  signal?.throwIfAborted();
  const [program = '', ...rest] = words;
  const child = spawn(program, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // a process group of its own: Ctrl-C would end what scales in the middle, and k6, told twice, before it has tidied up
    detached: true,
  });
  const lines: string[] = [];
  const keep = (text: string) => {
    lines.push(...text.split('\n').filter((line) => line.trim() !== ''));
    lines.splice(0, Math.max(0, lines.length - keptLines));
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const { promise, resolve, reject } = Promise.withResolvers<readonly [number | null, NodeJS.Signals | null]>();
  child.once('error', reject);
  child.once('close', (...end) => resolve(end));
  const stop = () => {
    child.kill('SIGTERM');
    timers.push(setTimeout(() => child.kill('SIGKILL'), graceMs));
  };
  const timers = [setTimeout(stop, limitSeconds * 1000)];
  signal?.addEventListener('abort', stop);
  child.once('exit', (...end) => timers.push(setTimeout(() => resolve(end), outputMs)));
  const ended = promise.finally(() => {
    signal?.removeEventListener('abort', stop);
    for (const timer of timers) clearTimeout(timer);
    child.stdout.destroy();
    child.stderr.destroy();
  });
  const [code, killedBy] = await ended.catch((cause: unknown) => {
    throw new MillraceError({
      code: 'command_not_found',
      message: `${program} cannot be started`,
      hint: program === 'k6' ? 'tools/setup --for all sets k6 up.' : `It was to run: ${words.join(' ')}`,
      cause,
    });
  });
  signal?.throwIfAborted();
  if (code === 0) return;
  const end = killedBy === null ? `exit code ${code}` : `${killedBy}, after at most ${limitSeconds} s`;
  throw new MillraceError({
    code: 'command_failed',
    message: `"${words.join(' ')}" ended with ${end}. Its last lines:\n${lines.join('\n')}`,
  });
}
