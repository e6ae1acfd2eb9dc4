/** `millrace completion`: prints the script that completes words in a shell. */
import { Argument } from 'commander';
import type { Register } from '../command-line.ts';
import { completionScript, type Shell, shells } from '../completion.ts';

export const registerCompletion: Register = (program, cli) => {
  program
    .command('completion')
    .description('print the completion script for a shell: source <(millrace completion bash)')
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .action((shell: Shell) => cli.print(completionScript(program, shell).trimEnd()));
};
