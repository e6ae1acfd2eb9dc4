/** `millrace inspect scheduled`: what waits for its time. */
import type { TaskJson } from '../../../api/types/task.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { queryOf, wholeNumber } from '../../options.ts';
import { table } from '../../table.ts';
import { brief, untilTime } from '../../words.ts';

export const registerScheduled: Register = (inspect, cli) => {
  apiCommand(inspect, 'scheduled', 'tasks that wait for their time: eta, countdown, the next attempt; soonest first')
    .option('--queue <name>', 'only of this queue')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 1000), 50)
    .action(async ({ queue, limit, ...options }: ApiOptions & { queue?: string; limit: number }) => {
      const client = await cli.connect(options);
      const { tasks } = await client.get<{ tasks: TaskJson[] }>(`/v1/inspect/scheduled${queryOf({ queue, limit })}`);
      if (options.json) cli.printJson({ tasks });
      else cli.printTable(tasks.length === 0 ? 'Nothing of yours waits for its time.' : scheduledTable(tasks));
    });
};

const scheduledTable = (tasks: readonly TaskJson[]): string =>
  table(
    ['due in', 'id', 'task', 'queue', 'status', 'attempts', 'error'],
    tasks.map((task) => [
      untilTime(task.due_at),
      task.task_id,
      task.task,
      task.queue,
      task.status,
      task.attempts,
      task.error ? brief(`${task.error.code}: ${task.error.message}`, 60) : '',
    ]),
  );
