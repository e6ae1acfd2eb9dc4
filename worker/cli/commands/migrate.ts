/** `millrace migrate`: brings the database of the environment to this release. */
import type { Register } from '../command-line.ts';

export const registerMigrate: Register = (program, cli) => {
  program
    .command('migrate')
    .description('bring the database that the environment names to this release')
    .option('--json', 'the answer as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      // loaded here: other commands do not pay for the drivers
      const [{ migrate }, { withDatabase }] = await Promise.all([
        import('../../db/index.ts'),
        import('../with-database.ts'),
      ]);
      const applied = (await withDatabase(cli.env, migrate)).map(({ name }) => name);
      if (json) cli.printJson({ applied });
      else if (applied.length === 0) cli.print('The database is up to date.');
      else for (const name of applied) cli.print(`applied ${name}`);
    });
};
