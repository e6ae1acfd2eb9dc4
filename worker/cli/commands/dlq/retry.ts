/** `millrace dlq retry`: dead letters run again, with all their attempts. */
import type { AcceptedJson } from '../../../api/types/task.ts';
import { apiCommand, type Register } from '../../command-line.ts';
import { part } from '../../options.ts';
import { type Choice, checkedChoice, withChoice } from './choice.ts';

export const registerDlqRetry: Register = (dlq, cli) => {
  withChoice(apiCommand(dlq, 'retry', 'run dead letters again, with all their attempts')).action(
    async (ids: string[], options: Choice) => {
      const what = checkedChoice(ids, options);
      const client = await cli.connect(options);
      // one that was named by its id was meant
      if (ids.length === 0) await cli.confirm(`To be run again: ${what}.`, options.yes);
      let taskIds: string[] | undefined;
      try {
        for (const id of ids) {
          const { task_id } = await client.post<AcceptedJson>(`/v1/dead-letters/${part(id)}/retry`, undefined);
          taskIds = [...(taskIds ?? []), task_id];
        }
        if (ids.length === 0) {
          const { queue, task, all } = options;
          taskIds = (await client.post<{ task_ids: string[] }>('/v1/dead-letters/retry', { queue, task, all }))
            .task_ids;
        }
      } finally {
        // also what was done before one of them was refused
        if (taskIds) {
          if (options.json) cli.printJson({ task_ids: taskIds });
          else cli.print(`${taskIds.length} ${taskIds.length === 1 ? 'task runs' : 'tasks run'} again`);
        }
      }
    },
  );
};
