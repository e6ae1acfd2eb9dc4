/** `millrace schedules resume`: resume schedules: they go on with the first slot from now. */
import { apiCommand, type Register } from '../../command-line.ts';
import { switchSchedules } from '../../schedule-switch.ts';

export const registerSchedulesResume: Register = (schedules, cli) => {
  apiCommand(schedules, 'resume', 'resume schedules: they go on with the first slot from now')
    .argument('<names...>', 'of the schedules')
    .action((names: string[], options) => switchSchedules(cli, names, 'resume', options));
};
