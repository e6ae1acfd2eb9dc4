/** Which dead letters: those of these ids, or all of a queue or task. */
import type { Command } from 'commander';
import { type ApiOptions, yesOption } from '../../command-line.ts';
import { CommandError, exitCode } from '../../exit-codes.ts';

export interface Choice extends ApiOptions {
  readonly queue?: string;
  readonly task?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
}

export const withChoice = (command: Command): Command =>
  command
    .argument('[ids...]', 'of the tasks')
    .option('--queue <name>', 'all of this queue')
    .option('--task <name>', 'all of this name')
    .option('--all', 'all there are')
    .option(...yesOption);

/** The filter in words. @throws CommandError `choice_missing` for no ids and no filter, or for both */
export function checkedChoice(ids: readonly string[], { queue, task, all }: Choice): string {
  const filtered = queue !== undefined || task !== undefined || all === true;
  if (filtered === ids.length > 0) {
    throw new CommandError({
      code: 'choice_missing',
      message: filtered ? 'Give ids, or a filter, not both.' : 'No dead letters were named.',
      hint: 'Give ids of tasks, or --queue, --task or --all.',
      exitCode: exitCode.usage,
    });
  }
  if (ids.length > 0) return ids.length === 1 ? `the dead letter ${ids[0]}` : `${ids.length} dead letters`;
  const of = [
    ...(queue === undefined ? [] : [`of the queue ${queue}`]),
    ...(task === undefined ? [] : [`of the task ${task}`]),
  ];
  return ['all dead letters', ...of].join(' ');
}
