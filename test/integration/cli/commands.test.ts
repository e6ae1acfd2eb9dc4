/** Every command's output and exit code, against one running system. The tests stand by their matter in commands/. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readProgram } from '../../../worker/cli/program.ts';
import { aroundCommands } from './commands/around.ts';
import { keepingCommands } from './commands/keeping.ts';
import { knowingCommands } from './commands/knowing.ts';
import { operatingCommands } from './commands/operating.ts';
import { sendingCommands } from './commands/sending.ts';
import { CommandStage } from './commands/stage.ts';
import { watchingCommands } from './commands/watching.ts';

const { commands } = readProgram();
/** Names of all commands, as `dlq list`. */
const leaves = commands.flatMap((command) =>
  command.commands.length > 0 ? command.commands.map((sub) => `${command.name()} ${sub.name()}`) : [command.name()],
);
/** Those with suites of their own: doctor/, embedded/, keys.test.ts, why.test.ts; `make demo` is run by docs/. */
const elsewhere = new Set(['doctor', 'up', 'demo', 'keys add', 'keys list', 'keys revoke', 'rotate-secrets', 'why']);

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

  it('should each have been run to a good end and to a bad one', () => {
    const lacking = leaves.flatMap((name) => {
      if (elsewhere.has(name)) return [];
      const codes = [...(stage.endings.get(name) ?? [])];
      return [
        ...(codes.includes(0) ? [] : [`${name}: 0`]),
        ...(codes.some((code) => code !== 0) ? [] : [`${name}: an error`]),
      ];
    });
    expect(lacking).toEqual([]);
  });
});

it('should have `--json` on every command that tells something', () => {
  const silent = new Set(['up', 'demo', 'completion', 'add', 'revoke', 'rotate-secrets']);
  const without = commands
    .flatMap((command) => (command.commands.length > 0 ? command.commands : [command]))
    .filter((command) => !command.options.some(({ long }) => long === '--json'))
    .map((command) => command.name());
  expect(without.filter((name) => !silent.has(name))).toEqual([]);
});
