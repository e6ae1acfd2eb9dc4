/** `millrace schedules show`: one schedule with its next slots and what it fired. */
import type { ScheduleDetailJson } from '../../../api/types/schedule.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { part } from '../../options.ts';
import { scheduleText } from '../../schedule-view.ts';

export const registerSchedulesShow: Register = (schedules, cli) => {
  apiCommand(schedules, 'show', 'a schedule with its next slots and what it fired')
    .argument('<name>', 'of the schedule')
    .action(async (name: string, options: ApiOptions) => {
      const client = await cli.connect(options);
      const schedule = await client.get<ScheduleDetailJson>(`/v1/schedules/${part(name)}`);
      if (options.json) cli.printJson(schedule);
      else cli.printTable(scheduleText(schedule));
    });
};
