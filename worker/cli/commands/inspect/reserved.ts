/** `millrace inspect reserved`: what stands in Redis for a worker to take. */
import type { TaskPageJson } from '../../../api/types/task.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { queryOf, wholeNumber } from '../../options.ts';
import { taskTable } from '../../task-view.ts';

export const registerReserved: Register = (inspect, cli) => {
  apiCommand(inspect, 'reserved', 'tasks that stand in Redis for a worker to take, newest first')
    .option('--queue <name>', 'only of this queue')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 200), 50)
    .action(async ({ queue, limit, ...options }: ApiOptions & { queue?: string; limit: number }) => {
      const client = await cli.connect(options);
      const { tasks } = await client.get<TaskPageJson>(`/v1/tasks${queryOf({ status: 'QUEUED', queue, limit })}`);
      if (options.json) cli.printJson({ tasks });
      else cli.printTable(tasks.length === 0 ? 'Nothing of yours stands in Redis.' : taskTable(tasks));
    });
};
