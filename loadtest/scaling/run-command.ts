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
}

/** @throws MillraceError `command_not_found`, `command_failed` */
export async function runCommand(words: readonly string[], { cwd, env, limitSeconds }: CommandOptions): Promise<void> {
  const [program = '', ...rest] = words;
  const child = spawn(program, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
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
  child.once('close', (code, signal) => resolve([code, signal]));
  const timers = [
    setTimeout(() => child.kill('SIGTERM'), limitSeconds * 1000),
    setTimeout(() => child.kill('SIGKILL'), limitSeconds * 1000 + graceMs),
  ];
  child.once('exit', (code, signal) => timers.push(setTimeout(() => resolve([code, signal]), outputMs)));
  const ended = promise.finally(() => {
    for (const timer of timers) clearTimeout(timer);
    child.stdout.destroy();
    child.stderr.destroy();
  });
  const [code, signal] = await ended.catch((cause: unknown) => {
    throw new MillraceError({
      code: 'command_not_found',
      message: `${program} cannot be started`,
      hint: program === 'k6' ? 'tools/setup --for all sets k6 up.' : `It was to run: ${words.join(' ')}`,
      cause,
    });
  });
  if (code === 0) return;
  const end = signal === null ? `exit code ${code}` : `${signal}, after at most ${limitSeconds} s`;
  throw new MillraceError({
    code: 'command_failed',
    message: `"${words.join(' ')}" ended with ${end}. Its last lines:\n${lines.join('\n')}`,
  });
}
