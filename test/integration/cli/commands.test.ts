/** Every command's output and exit code, against one running system. The tests stand by their matter in commands/. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from '../../../worker/cli/command-line.ts';
import { createProgram } from '../../../worker/cli/program.ts';
import { aroundCommands } from './commands/around.ts';
import { keepingCommands } from './commands/keeping.ts';
import { knowingCommands } from './commands/knowing.ts';
import { operatingCommands } from './commands/operating.ts';
import { sendingCommands } from './commands/sending.ts';
import { CommandStage } from './commands/stage.ts';
import { watchingCommands } from './commands/watching.ts';

describe('the commands', () => {
  const stage = new CommandStage();
  beforeAll(() => stage.open());
  afterAll(() => stage.close());

  sendingCommands(stage);
  watchingCommands(stage);
  operatingCommands(stage);
  keepingCommands(stage);
  knowingCommands(stage);
  aroundCommands(stage);
});

it('should have `--json` on every command that tells something', () => {
  const cli = new CommandLine({
    env: {},
    output: process.stdout,
    errors: process.stderr,
    input: process.stdin,
    interruption: () => new AbortController().signal,
  });
  const silent = new Set(['up', 'demo', 'completion', 'add', 'revoke']);
  const leaves = createProgram(cli).commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands : [command],
  );
  const without = leaves
    .filter((command) => !command.options.some(({ long }) => long === '--json'))
    .map((command) => command.name());
  expect(without.filter((name) => !silent.has(name))).toEqual([]);
});
