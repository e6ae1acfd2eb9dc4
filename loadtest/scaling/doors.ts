/** How the number of workers is set: by compose, by the stack's variable, or by a command of the operator's. */
import { fileURLToPath } from 'node:url';
import type { Chosen } from './arguments.ts';
import { runCommand } from './run-command.ts';

export interface Door {
  readonly name: string;
  /** Comes back when the command has; whether the workers are there the API tells. */
  scale(workers: number): Promise<void>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Containers that stop finish what they run, for 45 s; a plan and an apply come on top. */
const limitSeconds = 420;

export function doorOf({ by, stack, command }: Pick<Chosen, 'by' | 'stack' | 'command'>): Door {
  const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    runCommand(words, { cwd: root, env, limitSeconds });
  switch (by) {
    case 'compose':
      return {
        name: 'compose',
        // nothing but the number of workers: what runs is neither made anew nor started with them
        scale: (n) =>
          run(
            [
              'docker',
              'compose',
              'up',
              '-d',
              '--wait',
              '--no-deps',
              '--no-recreate',
              '--scale',
              `worker=${n}`,
              'worker',
            ],
            {
              MILLRACE_WORKER_REPLICAS: String(n),
            },
          ),
      };
    case 'stack':
      return {
        name: `stack ${stack}`,
        scale: (n) => run(['npx', 'cdktf', 'deploy', stack, '--auto-approve', '--var', `worker_replicas=${n}`]),
      };
    case 'command':
      return { name: 'command', scale: (n) => run(['sh', '-c', command.replaceAll('{n}', String(n))]) };
  }
}
