import type { Register } from '../command-line.ts';
import { printConfig } from '../config-command.ts';

export const registerConfig: Register = (program, cli) => {
  program
    .command('config')
    .description('print the configuration that the environment comes to, secrets masked')
    .option('--json', 'as one JSON object')
    .action(({ json = false }: { json?: boolean }) => cli.print(printConfig(cli.env, json)));
};
