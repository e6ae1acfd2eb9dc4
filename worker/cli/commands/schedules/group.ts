/** `millrace schedules`: what starts work on its own. */
import type { Register } from '../../command-line.ts';
import { registerSchedulesList } from './list.ts';
import { registerSchedulesPause } from './pause.ts';
import { registerSchedulesResume } from './resume.ts';
import { registerSchedulesRun } from './run.ts';
import { registerSchedulesShow } from './show.ts';

export const registerSchedules: Register = (program, cli) => {
  const schedules = program
    .command('schedules')
    .description('what starts work on its own: list, show, pause, resume, run');
  for (const register of [
    registerSchedulesList,
    registerSchedulesShow,
    registerSchedulesPause,
    registerSchedulesResume,
    registerSchedulesRun,
  ]) {
    register(schedules, cli);
  }
};
