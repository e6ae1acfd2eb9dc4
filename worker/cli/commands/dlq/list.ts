/** `millrace dlq list`: dead letters, newest first. */
import type { DeadLetterJson } from '../../../api/types/task.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { queryOf, wholeNumber } from '../../options.ts';
import { table } from '../../table.ts';
import { age, brief } from '../../words.ts';

interface Options extends ApiOptions {
  readonly queue?: string;
  readonly task?: string;
  readonly limit: number;
}

export const registerDlqList: Register = (dlq, cli) => {
  apiCommand(dlq, 'list', 'list dead letters, newest first')
    .option('--queue <name>', 'only of this queue')
    .option('--task <name>', 'only of this name')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 1000), 50)
    .action(async ({ queue, task, limit, ...options }: Options) => {
      const client = await cli.connect(options);
      const answer = await client.get<{ dead_letters: DeadLetterJson[] }>(
        `/v1/dead-letters${queryOf({ queue, task, limit })}`,
      );
      if (options.json) cli.printJson(answer);
      else cli.printTable(answer.dead_letters.length === 0 ? 'There are none.' : letterTable(answer.dead_letters));
    });
};

const letterTable = (letters: readonly DeadLetterJson[]): string =>
  table(
    ['id', 'task', 'queue', 'status', 'attempts', 'ended', 'error'],
    letters.map((letter) => [
      letter.task_id,
      letter.task,
      letter.queue,
      letter.status,
      letter.attempts,
      `${age(letter.finished_at)} ago`,
      letter.error ? brief(`${letter.error.code}: ${letter.error.message}`, 80) : '',
    ]),
  );
