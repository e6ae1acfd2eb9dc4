/** `millrace inspect`: what the workers and queues hold, in Celery's words. */
import type { Register } from '../../command-line.ts';
import { registerActive } from './active.ts';
import { registerRegistered } from './registered.ts';
import { registerReserved } from './reserved.ts';
import { registerScheduled } from './scheduled.ts';
import { registerStats } from './stats.ts';

export const registerInspect: Register = (program, cli) => {
  const inspect = program.command('inspect').description('what runs, what waits, what there is to run');
  for (const register of [registerActive, registerScheduled, registerReserved, registerRegistered, registerStats]) {
    register(inspect, cli);
  }
};
