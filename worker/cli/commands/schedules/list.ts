/** `millrace schedules list`: schedules with their last and next slot. */
import type { SchedulePageJson } from '../../../api/types/schedule.ts';
import { type ApiOptions, apiCommand, type Register } from '../../command-line.ts';
import { queryOf, wholeNumber } from '../../options.ts';
import { scheduleTable } from '../../schedule-view.ts';

interface Options extends ApiOptions {
  readonly status?: string;
  readonly task?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export const registerSchedulesList: Register = (schedules, cli) => {
  apiCommand(schedules, 'list', 'list schedules by name, with their last and next slot')
    .option('--status <status>', 'only those that are active, paused, disabled or not_built')
    .option('--task <name>', 'only of this task')
    .option('--limit <n>', 'at most so many', wholeNumber(1, 200), 100)
    .option('--cursor <cursor>', 'the page that begins there')
    .action(async ({ status, task, limit, cursor, ...options }: Options) => {
      const client = await cli.connect(options);
      const page = await client.get<SchedulePageJson>(`/v1/schedules${queryOf({ status, task, limit, cursor })}`);
      if (options.json) return cli.printJson(page);
      cli.printTable(page.schedules.length === 0 ? 'No such schedules.' : scheduleTable(page.schedules));
      if (page.next_cursor !== null) cli.note(`There are more: --cursor ${page.next_cursor}`);
      if (page.leader === null) cli.note('No beat is alive: nothing is fired. Start one with MODE=beat.');
    });
};
