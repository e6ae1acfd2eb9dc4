import type { Register } from '../command-line.ts';
import { addKey } from '../keys-add.ts';
import { listKeys } from '../keys-list.ts';
import { revokeKey } from '../keys-revoke.ts';

export const registerKeys: Register = (program, cli) => {
  const keys = program.command('keys').description('API keys of tenants: add, list, revoke');

  keys
    .command('add')
    .description('make a key for a tenant and print it, this once')
    .requiredOption('--tenant <name or id>', 'whose key it is; a tenant that is not there is made')
    .option('--name <label>', 'what the key is for', 'command line')
    .action(({ tenant, name }: { tenant: string; name: string }) => addKey(cli.env, tenant, name));

  keys
    .command('list')
    .description('list the keys of all tenants, by their ids')
    .option('--json', 'as a JSON array')
    .action(({ json = false }: { json?: boolean }) => listKeys(cli.env, json));

  keys
    .command('revoke')
    .description('let a key work no longer')
    .argument('<id>', 'its id, as in the list')
    .action((id: string) => revokeKey(cli.env, id));
};
