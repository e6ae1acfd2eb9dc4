/** `millrace resume`: resume paused queues. */
import { apiCommand, type Register } from '../command-line.ts';
import { setPaused } from '../queue-switch.ts';

export const registerResume: Register = (program, cli) => {
  apiCommand(program, 'resume', 'resume paused queues')
    .argument('<queues...>', 'their names')
    .action((names: string[], options) => setPaused(cli, names, 'resume', options));
};
