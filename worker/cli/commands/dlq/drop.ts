/** `millrace dlq drop`: dead letters become finished tasks like others. */
import { apiCommand, type Register } from '../../command-line.ts';
import { part, queryOf } from '../../options.ts';
import { type Choice, checkedChoice, withChoice } from './choice.ts';

export const registerDlqDrop: Register = (dlq, cli) => {
  withChoice(apiCommand(dlq, 'drop', 'give dead letters up: they can be retried no longer')).action(
    async (ids: string[], options: Choice) => {
      const what = checkedChoice(ids, options);
      const client = await cli.connect(options);
      await cli.confirm(`To be dropped for good: ${what}.`, options.yes);
      let dropped: number | undefined;
      try {
        for (const id of ids) {
          await client.delete(`/v1/dead-letters/${part(id)}`);
          dropped = (dropped ?? 0) + 1;
        }
        if (ids.length === 0) {
          const { queue, task, all } = options;
          const query = queryOf({ queue, task, all });
          dropped = (await client.delete<{ dropped: number }>(`/v1/dead-letters${query}`)).dropped;
        }
      } finally {
        // also what was done before one of them was refused
        if (dropped !== undefined) {
          if (options.json) cli.printJson({ dropped });
          else cli.print(`${dropped} ${dropped === 1 ? 'dead letter was' : 'dead letters were'} dropped`);
        }
      }
    },
  );
};
