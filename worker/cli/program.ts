/** All commands, in the order in which help shows them. */
import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { CommandLine, type Register } from './command-line.ts';
import { registerAsk } from './commands/ask.ts';
import { registerCancel } from './commands/cancel.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerConfig } from './commands/config.ts';
import { registerDemo } from './commands/demo.ts';
import { registerDlq } from './commands/dlq/group.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerDrain } from './commands/drain.ts';
import { registerIndex } from './commands/index-files.ts';
import { registerInspect } from './commands/inspect/group.ts';
import { registerKeys } from './commands/keys.ts';
import { registerMigrate } from './commands/migrate.ts';
import { registerPause } from './commands/pause.ts';
import { registerPurge } from './commands/purge.ts';
import { registerQueues } from './commands/queues.ts';
import { registerResume } from './commands/resume.ts';
import { registerRotateSecrets } from './commands/rotate-secrets.ts';
import { registerSchedules } from './commands/schedules/group.ts';
import { registerSend } from './commands/send.ts';
import { registerStatus } from './commands/status.ts';
import { registerUp } from './commands/up.ts';
import { registerWatch } from './commands/watch.ts';
import { registerWhy } from './commands/why.ts';
import { registerWorkers } from './commands/workers.ts';

/** Under a heading of help each. */
const groups: readonly (readonly [string, readonly Register[]])[] = [
  ['Run and set up:', [registerUp, registerDemo, registerDoctor, registerConfig, registerMigrate, registerKeys]],
  [
    'Tasks:',
    [registerSend, registerStatus, registerWatch, registerWhy, registerCancel, registerDlq, registerSchedules],
  ],
  [
    'Queues and workers:',
    [registerQueues, registerPause, registerResume, registerPurge, registerDrain, registerWorkers, registerInspect],
  ],
  ['Documents:', [registerIndex, registerAsk]],
  ['Deployments:', [registerRotateSecrets]],
  ['Shell:', [registerCompletion]],
];

/** The program; nothing is run or connected to until it parses arguments. */
export function createProgram(cli: CommandLine): Command {
  const program = new Command('millrace')
    .description('Background work on Redis and Postgres: accepted tasks are never lost, their effects happen once.')
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)')
    .configureOutput({ writeOut: (text) => cli.output.write(text), writeErr: (text) => cli.errors.write(text) });
  for (const [heading, registers] of groups) {
    program.commandsGroup(heading);
    for (const register of registers) register(program, cli);
  }
  return program;
}

/** All commands with their options, to be read and not run. */
export function readProgram(): Command {
  const nowhere = new PassThrough();
  const interruption = () => new AbortController().signal;
  return createProgram(new CommandLine({ env: {}, output: nowhere, errors: nowhere, input: nowhere, interruption }));
}
