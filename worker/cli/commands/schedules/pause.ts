/** `millrace schedules pause`: pause schedules: what they have sent goes on. */
import type { ScheduleJson } from '../../../api/types/schedule.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { part } from '../../options.ts';

export const registerSchedulesPause: Register = (schedules, cli) => {
  apiCommand(schedules, 'pause', 'pause schedules: what they have sent goes on')
    .argument('<names...>', 'of the schedules')
    .action(async (names: string[], options: ApiOptions) => {
      const client = await cli.connect(options);
      const answers: ScheduleJson[] = [];
      for (const name of names) answers.push(await client.post(`/v1/schedules/${part(name)}/pause`, undefined));
      if (options.json) cli.printJson({ schedules: answers });
      else for (const { name, status } of answers) cli.print(`${name} is ${status}`);
    });
};
