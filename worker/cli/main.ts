/** `millrace …`: the command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration. */
import { Command, CommanderError } from 'commander';
import { MillraceError, StartError } from '../errors.ts';
import { printConfig } from './config-command.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { addKey } from './keys-add.ts';
import { listKeys } from './keys-list.ts';
import { revokeKey } from './keys-revoke.ts';

const exitFailed = 1;
const exitUsage = 2;
const exitConfig = 78;

const program = new Command('millrace')
  .description('Background work on Redis and Postgres: accepted tasks are never lost, their effects happen once.')
  .exitOverride()
  .showHelpAfterError();

program
  .command('config')
  .description('print the configuration that the environment comes to, secrets masked')
  .option('--json', 'as one JSON object')
  .action(({ json = false }: { json?: boolean }) => {
    process.stdout.write(`${printConfig(process.env, json)}\n`);
  });

program
  .command('demo')
  .description('index the sample documents in an embedded Millrace and ask five questions')
  .action(async () => {
    process.exitCode = await demo();
  });

program
  .command('doctor')
  .description('try every connection that the environment names, and say what to mend')
  .option('--json', 'all facts, as one JSON object')
  .action(async ({ json = false }: { json?: boolean }) => {
    process.exit(await doctor(process.env, json));
  });

const keys = program.command('keys').description('API keys of tenants: add, list, revoke');

keys
  .command('add')
  .description('make a key for a tenant and print it, this once')
  .requiredOption('--tenant <name or id>', 'whose key it is; a tenant that is not there is made')
  .option('--name <label>', 'what the key is for', 'command line')
  .action(({ tenant, name }: { tenant: string; name: string }) => addKey(process.env, tenant, name));

keys
  .command('list')
  .description('list the keys of all tenants, by their ids')
  .option('--json', 'as a JSON array')
  .action(({ json = false }: { json?: boolean }) => listKeys(process.env, json));

keys
  .command('revoke')
  .description('let a key work no longer')
  .argument('<id>', 'its id, as in the list')
  .action((id: string) => revokeKey(process.env, id));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : exitUsage;
  } else if (error instanceof MillraceError) {
    process.stderr.write(`millrace: ${error.code}: ${error.message}\n${error.hint ? `${error.hint}\n` : ''}`);
    process.exitCode = error instanceof StartError ? exitConfig : exitFailed;
  } else {
    throw error;
  }
}
