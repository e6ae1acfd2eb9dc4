/** `docker compose` of the folder that a command was called in. */
import { spawn } from 'node:child_process';
import { CommandError, exitCode } from '../exit-codes.ts';

export interface Compose {
  /** What it writes to its standard output; the rest goes to the terminal. @throws CommandError when it fails or takes too long */
  run(args: readonly string[], timeoutMs?: number): Promise<string>;
}

/** Longer than a worker's grace period and a slow start together. */
const defaultTimeoutMs = 300_000;
const maxOutputChars = 1_000_000;

/** @param say is handed what it writes to its standard error, line ends and all */
export function dockerCompose(env: Readonly<NodeJS.ProcessEnv>, say: (text: string) => void): Compose {
  return {
    run: (args, timeoutMs = defaultTimeoutMs) =>
      new Promise((resolve, reject) => {
        const failed = (message: string, cause?: unknown) =>
          reject(
            new CommandError({
              code: 'compose_failed',
              message: `docker compose ${args.join(' ')} ${message}`,
              hint: 'Run it from the root of the checkout that deployed; what it said stands above.',
              exitCode: exitCode.failed,
              cause,
            }),
          );
        const child = spawn('docker', ['compose', ...args], {
          env,
          stdio: ['ignore', 'pipe', 'pipe'],
          timeout: timeoutMs,
        });
        let output = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          if (output.length < maxOutputChars) output += text;
        });
        child.stderr.setEncoding('utf8').on('data', say);
        child.once('error', (error) =>
          failed('could not be started: is Docker with its compose plugin installed?', error),
        );
        child.once('close', (code, signal) => {
          if (code === 0) resolve(output);
          else failed(signal ? `was ended after ${timeoutMs / 1000} s` : `ended with exit code ${code}.`);
        });
      }),
  };
}
