/** Commands, docker's above all, bounded; what they say goes into the error. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface CommandOptions {
  /** On top of the process's own; undefined takes one of those away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
  readonly cwd?: string;
}

const maxOutputBytes = 16 * 1024 * 1024;
const shownChars = 4000;

/**
 * What a command writes to its standard output.
 * @throws with the end of what it wrote, when it fails or takes longer than `timeoutMs` (60 s)
 */
export function command(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { env = {}, timeoutMs = 60_000, cwd = root } = options;
  return new Promise((resolve, reject) => {
    execFile(
      file,
      args,
      { cwd, env: { ...process.env, ...env }, timeout: timeoutMs, maxBuffer: maxOutputBytes },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const reason = error.killed ? `took longer than ${timeoutMs} ms` : `exited with ${error.code}`;
        reject(new Error(`${file} ${args.join(' ')} ${reason}:\n${`${stdout}\n${stderr}`.slice(-shownChars)}`));
      },
    );
  });
}

export const docker = (args: readonly string[], options: CommandOptions = {}): Promise<string> =>
  command('docker', args, options);

/** Lines of its output that are not empty. */
export const dockerLines = async (...args: readonly string[]): Promise<string[]> =>
  (await docker(args)).split('\n').filter((line) => line !== '');
