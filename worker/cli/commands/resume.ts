/** `millrace resume`: resume paused queues. */
import { type ApiOptions, apiCommand, type Register } from '../command-line.ts';
import { part } from '../options.ts';

export const registerResume: Register = (program, cli) => {
  apiCommand(program, 'resume', 'resume paused queues')
    .argument('<queues...>', 'their names')
    .action(async (names: string[], options: ApiOptions) => {
      const client = await cli.connect(options);
      const answers: { name: string; paused: boolean }[] = [];
      for (const name of names) answers.push(await client.post(`/v1/queues/${part(name)}/resume`, undefined));
      if (options.json) cli.printJson({ queues: answers });
      else for (const { name } of answers) cli.print(`${name} is open`);
    });
};
