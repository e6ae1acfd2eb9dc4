/** `millrace inspect registered`: the tasks that can be sent. */
import type { RegisteredTaskJson } from '../../../api/types/task.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { table } from '../../table.ts';
import { shortSpan } from '../../words.ts';

export const registerRegistered: Register = (inspect, cli) => {
  apiCommand(inspect, 'registered', 'tasks that can be sent; --json shows their payload schemas').action(
    async (options: ApiOptions) => {
      const client = await cli.connect(options);
      const { tasks } = await client.get<{ tasks: RegisteredTaskJson[] }>('/v1/inspect/registered');
      if (options.json) cli.printJson({ tasks });
      else cli.printTable(registeredTable(tasks));
    },
  );
};

const registeredTable = (tasks: readonly RegisteredTaskJson[]): string =>
  table(
    ['task', 'queue', 'retries', 'time limit', 'what it does'],
    tasks.map((task) => [task.task, task.queue, task.retries, shortSpan(task.time_limit_seconds), task.description]),
  );
