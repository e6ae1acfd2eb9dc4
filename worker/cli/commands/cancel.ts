/** `millrace cancel`: tasks that wait never run, tasks that run change nothing any more. */
import type { AcceptedJson } from '../../api/types/task.ts';
import { type ApiOptions, apiCommand, type CommandLine, type Register, yesOption } from '../command-line.ts';
import { CommandError, exitCode } from '../exit-codes.ts';
import type { ApiClient } from '../http.ts';
import { part } from '../options.ts';

export const registerCancel: Register = (program, cli) => {
  apiCommand(program, 'cancel', 'cancel tasks, waiting or running')
    .argument('<ids...>', 'of the tasks')
    .option(...yesOption)
    .action(async (ids: string[], options: ApiOptions & { yes?: boolean }) => {
      const client = await cli.connect(options);
      await cli.confirm(
        `${ids.length === 1 ? `The task ${ids[0]} is` : `${ids.length} tasks are`} to be cancelled for good.`,
        options.yes,
      );
      const answers: Answer[] = [];
      try {
        for (const id of ids) {
          const answer = await cancelled(client, id);
          if ('code' in answer) cli.endWith(exitCode.failed);
          answers.push(answer);
        }
      } finally {
        // also what was cancelled before nothing answered any more
        if (answers.length > 0) tell(cli, answers, options.json);
      }
    });
};

type Answer = { readonly task_id: string } & (
  | { readonly status: string }
  | { readonly code: string; readonly message: string }
);

/** @throws CommandError when it is not about this task: the API is away, or does not know the key */
async function cancelled(client: ApiClient, id: string): Promise<Answer> {
  try {
    return await client.delete<AcceptedJson>(`/v1/tasks/${part(id)}`);
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== exitCode.failed) throw error;
    return { task_id: id, code: error.code, message: error.message };
  }
}

function tell(cli: CommandLine, answers: readonly Answer[], json: boolean | undefined): void {
  if (json) cli.printJson({ tasks: answers });
  else
    for (const answer of answers) {
      if ('status' in answer) cli.print(`${answer.task_id} ${answer.status}`);
      else cli.note(`millrace: ${answer.code}: ${answer.message}`);
    }
}
