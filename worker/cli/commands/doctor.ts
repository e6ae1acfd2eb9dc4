import type { Register } from '../command-line.ts';

export const registerDoctor: Register = (program, cli) => {
  program
    .command('doctor')
    .description('try every connection that the environment names, and say what to mend')
    .option('--json', 'all facts, as one JSON object')
    .action(async ({ json = false }: { json?: boolean }) => {
      // loaded here: other commands do not pay for it
      const { doctor } = await import('../doctor.ts');
      cli.endWith(await doctor(cli.env, json, cli.output));
      cli.leaveBehind();
    });
};
