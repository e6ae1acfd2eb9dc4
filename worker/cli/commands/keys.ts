/** `millrace keys`: API keys of tenants, in the database itself. Loaded when they are called: other commands do not pay for the drivers. */
import type { Register } from '../command-line.ts';

export const registerKeys: Register = (program, cli) => {
  const keys = program.command('keys').description('API keys of tenants: add, list, revoke');

  keys
    .command('add')
    .description('make a key for a tenant and print it, this once')
    .requiredOption('--tenant <name or id>', 'whose key it is; a tenant that is not there is made')
    .option('--name <label>', 'what the key is for', 'command line')
    .action(async ({ tenant, name }: { tenant: string; name: string }) => {
      const { addKey } = await import('../keys-add.ts');
      await addKey(cli.env, tenant, name);
    });

  keys
    .command('list')
    .description('list the keys of all tenants, by their ids')
    .option('--json', 'as a JSON array')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { listKeys } = await import('../keys-list.ts');
      await listKeys(cli.env, json);
    });

  keys
    .command('revoke')
    .description('let a key work no longer')
    .argument('<id>', 'its id, as in the list')
    .action(async (id: string) => {
      const { revokeKey } = await import('../keys-revoke.ts');
      await revokeKey(cli.env, id);
    });
};
