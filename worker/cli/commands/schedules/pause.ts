/** `millrace schedules pause`: pause schedules: what they have sent goes on. */
import { apiCommand, type Register } from '../../command-line.ts';
import { switchSchedules } from '../../schedule-switch.ts';

export const registerSchedulesPause: Register = (schedules, cli) => {
  apiCommand(schedules, 'pause', 'pause schedules: what they have sent goes on')
    .argument('<names...>', 'of the schedules')
    .action((names: string[], options) => switchSchedules(cli, names, 'pause', options));
};
