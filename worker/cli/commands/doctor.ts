import type { Register } from '../command-line.ts';

export const registerDoctor: Register = (program, cli) => {
  program
    .command('doctor')
    .description('try every connection that the environment names, and say what to mend')
    .option('--json', 'all facts, as one JSON object')
    .option('--before-start', 'what the start of a deployment brings, the schema and workers, is not missed')
    .action(async ({ json = false, beforeStart = false }: { json?: boolean; beforeStart?: boolean }) => {
      // loaded here: other commands do not pay for it
      const { doctor } = await import('../doctor.ts');
      cli.endWith(await doctor(cli.env, { json, beforeStart }, cli.output));
      cli.leaveBehind();
    });
};
