/** Schedules paused and resumed, several by one command. */
import type { ScheduleJson } from '../api/types/schedule.ts';
import type { ApiOptions, CommandLine } from './command-line.ts';
import { part } from './options.ts';

/** Tells what was done also when it fails at one of them. @throws what the API refuses */
export async function switchSchedules(
  cli: CommandLine,
  names: readonly string[],
  action: 'pause' | 'resume',
  options: ApiOptions,
): Promise<void> {
  const client = await cli.connect(options);
  const schedules: ScheduleJson[] = [];
  try {
    for (const name of names) schedules.push(await client.post(`/v1/schedules/${part(name)}/${action}`, undefined));
  } finally {
    if (options.json && schedules.length > 0) cli.printJson({ schedules });
    else for (const { name, status } of schedules) cli.print(`${name} is ${status}`);
  }
}
