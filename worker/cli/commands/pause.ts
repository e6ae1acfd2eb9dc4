/** `millrace pause`: pause queues: what runs goes on, nothing new starts. */
import { apiCommand, type Register } from '../command-line.ts';
import { setPaused } from '../queue-switch.ts';

export const registerPause: Register = (program, cli) => {
  apiCommand(program, 'pause', 'pause queues: what runs goes on, nothing new starts')
    .argument('<queues...>', 'their names')
    .action((names: string[], options) => setPaused(cli, names, 'pause', options));
};
