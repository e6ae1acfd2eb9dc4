/** `millrace dlq show`: one dead letter with its payload and all its errors. */
import type { DeadLetterJson } from '../../../api/types/task.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { part } from '../../options.ts';
import { taskRecord } from '../../task-view.ts';

export const registerDlqShow: Register = (dlq, cli) => {
  apiCommand(dlq, 'show', 'a dead letter with its payload and all its errors')
    .argument('<id>', 'of the task')
    .action(async (id: string, options: ApiOptions) => {
      const client = await cli.connect(options);
      const letter = await client.get<DeadLetterJson>(`/v1/dead-letters/${part(id)}`);
      if (options.json) return cli.printJson(letter);
      const errors = letter.error_history.map(
        ({ at, attempt, code, message }) => `  ${at ?? ''} attempt ${(attempt ?? 0) + 1}: ${code}: ${message}`,
      );
      cli.print([taskRecord(letter), 'payload', `  ${JSON.stringify(letter.payload)}`, 'errors', ...errors].join('\n'));
    });
};
