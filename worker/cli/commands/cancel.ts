/** `millrace cancel`: tasks that wait never run, tasks that run change nothing any more. */
import type { AcceptedJson } from '../../api/types.ts';
import { MillraceError } from '../../errors.ts';
import { type ApiOptions, apiCommand, type Register, yesOption } from '../command-line.ts';
import { exitCode } from '../exit-codes.ts';
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
      const answers: ({ task_id: string } & ({ status: string } | { code: string; message: string }))[] = [];
      for (const id of ids) {
        try {
          answers.push(await client.delete<AcceptedJson>(`/v1/tasks/${part(id)}`));
        } catch (error) {
          if (!(error instanceof MillraceError) || error.code === 'api_unreachable') throw error;
          answers.push({ task_id: id, code: error.code, message: error.message });
          cli.endWith(exitCode.failed);
        }
      }
      if (options.json) cli.printJson({ tasks: answers });
      else
        for (const answer of answers) {
          if ('status' in answer) cli.print(`${answer.task_id} ${answer.status}`);
          else cli.note(`millrace: ${answer.code}: ${answer.message}`);
        }
    });
};
