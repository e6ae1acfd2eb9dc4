import type { Register } from '../command-line.ts';
import { demo } from '../demo.ts';

export const registerDemo: Register = (program, cli) => {
  program
    .command('demo')
    .description('index the sample documents in an embedded Millrace and ask five questions')
    .action(async () => cli.endWith(await demo(cli.output)));
};
