/** Runs k6 and the scaling test as a reader of the guide does, and tells what they said. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface Ended {
  readonly code: number | null;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly limitSeconds: number;
  /** The checkout unless told otherwise. */
  readonly cwd?: string;
}

export const runK6 = (options: RunOptions): Promise<Ended> =>
  run(['k6', 'run', '--quiet', '--no-color', `${root}loadtest/main.ts`], options);

export const runScalingTest = (args: readonly string[], options: RunOptions): Promise<Ended> =>
  run([process.execPath, `${root}loadtest/scaling.ts`, ...args], options);

async function run(words: readonly string[], { env, limitSeconds, cwd = root }: RunOptions): Promise<Ended> {
  const [program = '', ...args] = words;
  const child = spawn(program, args, {
    cwd,
    // nothing of the shell that runs the tests: what is not set here is not set
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', PWD: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitSeconds * 1000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await once(child, 'close');
  return { code: child.exitCode, output };
}
