/** `millrace schedules run`: sends the task of a schedule now. */
import type { AcceptedJson } from '../../../api/types/task.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { part } from '../../options.ts';

export const registerSchedulesRun: Register = (schedules, cli) => {
  apiCommand(schedules, 'run', 'send the task of a schedule now, and print its id; its slots stay as they are')
    .argument('<name>', 'of the schedule')
    .action(async (name: string, options: ApiOptions) => {
      const client = await cli.connect(options);
      const accepted = await client.post<AcceptedJson>(`/v1/schedules/${part(name)}/run`, undefined);
      if (options.json) cli.printJson(accepted);
      else cli.print(accepted.task_id);
    });
};
