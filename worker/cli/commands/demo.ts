import type { Register } from '../command-line.ts';

export const registerDemo: Register = (program, cli) => {
  program
    .command('demo')
    .description('index the sample documents in an embedded Millrace and ask five questions')
    .action(async () => {
      // loaded here: other commands do not pay for it
      const { demo } = await import('../demo.ts');
      // Ctrl-C ends the child, by the terminal, and with it the calls of the demo: its folder is removed all the same
      cli.interruption();
      cli.endWith(await demo(cli.output));
    });
};
