/** docs/reference/cli.md, from the definitions of the commands. */
import type { Command } from 'commander';
import { exitCodeMeanings } from '../../worker/cli/exit-codes.ts';
import { readProgram } from '../../worker/cli/program.ts';
import { code, table } from './markdown.ts';

const intro = `\`npx millrace …\`, or \`tools/millrace …\` in a checkout; the [guide](../guides/command-line.md) shows them at work.

**Where the API is.** Commands that call the API take it from \`--url\`, else \`MILLRACE_URL\`, else from what the embedded Millrace of
\`MILLRACE_HOME\` (\`.millrace\`) left in \`running.json\`, else it is \`http://127.0.0.1:5001\` (\`DIFY_PORT\`). The key is that of
\`--api-key-file\`, else \`MILLRACE_API_KEY\` or \`MILLRACE_API_KEY_FILE\`, else \`api-key\` in \`MILLRACE_HOME\`. \`keys\` and \`migrate\` open the
database of the environment instead, and \`doctor\` its servers.

**Output.** Tables; on a terminal as wide as it is. \`--json\` prints what the API answered, one object (\`watch\`: one a line). What is said
beside the answer, and every error, goes to standard error.

**Asking.** \`cancel\`, \`purge\`, \`dlq drop\` and \`dlq retry\` by a filter ask first. Where nobody can be asked (no terminal) they refuse,
unless \`--yes\` is given.`;

const isShared = ({ long }: { readonly long?: string | undefined }) => long === '--url' || long === '--api-key-file';

/** The commands that do something, with their whole names. */
const leavesOf = (command: Command, path: readonly string[] = []): { name: string; command: Command }[] =>
  command.commands.flatMap((sub) => {
    const name = [...path, sub.name()];
    return sub.commands.length > 0 ? leavesOf(sub, name) : [{ name: name.join(' '), command: sub }];
  });

function section({ name, command }: { name: string; command: Command }): string {
  const argumentsOf = command.registeredArguments.map((argument) => [
    code(argument.variadic ? `${argument.name()}...` : argument.name()),
    [argument.description, argument.required ? '' : 'may be left out', defaultOf(argument.defaultValue)]
      .filter((words) => words !== '')
      .join('; '),
  ]);
  const options = command.options
    .filter((option) => !isShared(option))
    .map((option) => [
      code(option.flags),
      [
        option.description,
        option.argChoices ? `one of ${option.argChoices.join(', ')}` : '',
        defaultOf(option.defaultValue),
      ]
        .filter((words) => words !== '')
        .join('; '),
    ]);
  const rows = [...argumentsOf, ...options];
  const usage = `millrace ${name} ${command.usage()}`.replace(
    ' [options]',
    rows.length > argumentsOf.length ? ' [options]' : '',
  );
  return [
    `### ${name}`,
    `${code(usage)}: ${command.description()}.`,
    ...(rows.length > 0 ? [table(['argument or option', 'meaning'], rows)] : []),
  ].join('\n\n');
}

const defaultOf = (value: unknown): string =>
  value === undefined || value === true ? '' : `default: ${typeof value === 'string' ? value : JSON.stringify(value)}`;

export function cliPage(): string {
  const program = readProgram();
  const codes = Object.entries(exitCodeMeanings).map(([number, meaning]) => [number, meaning]);
  return [
    '# Command line',
    intro,
    '## Exit codes',
    table(['code', 'means'], codes),
    `\`up\` ends as the process that it starts does ([exit codes](exit-codes.md)), \`doctor\` with 1 when it finds a fault, \`demo\` when a
question was answered from the wrong document.`,
    '## Commands',
    ...leavesOf(program).map(section),
  ].join('\n\n');
}
