/** `millrace pause`: pause queues: what runs goes on, nothing new starts. */
import { type ApiOptions, apiCommand, type Register } from '../command-line.ts';
import { part } from '../options.ts';

export const registerPause: Register = (program, cli) => {
  apiCommand(program, 'pause', 'pause queues: what runs goes on, nothing new starts')
    .argument('<queues...>', 'their names')
    .action(async (names: string[], options: ApiOptions) => {
      const client = await cli.connect(options);
      const answers: { name: string; paused: boolean }[] = [];
      for (const name of names) answers.push(await client.post(`/v1/queues/${part(name)}/pause`, undefined));
      if (options.json) cli.printJson({ queues: answers });
      else for (const { name } of answers) cli.print(`${name} is paused`);
    });
};
