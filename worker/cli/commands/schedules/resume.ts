/** `millrace schedules resume`: resume schedules: they go on with the first slot from now. */
import type { ScheduleJson } from '../../../api/types/schedule.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { part } from '../../options.ts';

export const registerSchedulesResume: Register = (schedules, cli) => {
  apiCommand(schedules, 'resume', 'resume schedules: they go on with the first slot from now')
    .argument('<names...>', 'of the schedules')
    .action(async (names: string[], options: ApiOptions) => {
      const client = await cli.connect(options);
      const answers: ScheduleJson[] = [];
      for (const name of names) answers.push(await client.post(`/v1/schedules/${part(name)}/resume`, undefined));
      if (options.json) cli.printJson({ schedules: answers });
      else for (const { name, status } of answers) cli.print(`${name} is ${status}`);
    });
};
