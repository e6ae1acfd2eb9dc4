/** The one-shot `secrets`: makes what is missing, takes over what is there, hands each consumer its own. */
import { exitConfig, exitFailed } from '../boot/exit-codes.ts';
import { databaseSslModes } from '../config/variables/database.ts';
import { errorText, MillraceError, StartError } from '../errors.ts';
import { refusal } from './dify-env.ts';
import { makeSecrets, type SecretsCommand, topologies } from './make-secrets.ts';

/** Where the kit mounts them (docs/reference/kit.md). */
const folders = {
  store: '/run/millrace/store',
  consumers: '/run/millrace/consumers',
  compose: '/run/millrace/compose',
  host: '/run/millrace/host',
};

function commandOf(args: readonly string[]): SecretsCommand {
  const [command, ...options] = args;
  const unknown = options.filter((option) => option !== '--api-key');
  if (command === undefined || (command === 'rotate' && unknown.length === 0))
    return { rotate: command === 'rotate', rotateApiKey: options.includes('--api-key') };
  throw new StartError({
    code: 'secrets_usage',
    message: `expected no argument, or rotate [--api-key], instead got ${args.join(' ')}`,
  });
}

/** A variable that has to be one of these words. @throws StartError `secrets_refused` */
function oneOf<const T extends string>(name: string, otherwise: T, words: readonly T[]): T {
  const value = process.env[name] || otherwise;
  const word = words.find((known) => known === value);
  if (word !== undefined) return word;
  throw refusal([`${name}: expected ${words.join(', ')}, instead got ${value}`]);
}

try {
  await makeSecrets({
    ...folders,
    ...commandOf(process.argv.slice(2)),
    topology: oneOf('MILLRACE_TOPOLOGY', 'standalone', topologies),
    tls: oneOf('MILLRACE_TLS', 'false', ['true', 'false']) === 'true',
    databaseTls: oneOf('MILLRACE_DB_SSL_MODE', 'disable', databaseSslModes) !== 'disable',
    owned: true,
    say: (line) => process.stdout.write(`secrets: ${line}\n`),
  });
} catch (error) {
  const known = error instanceof MillraceError;
  process.stderr.write(
    known
      ? `secrets: ${error.code}: ${errorText(error)}\n${error.hint ? `${error.hint}\n` : ''}`
      : `secrets: ${errorText(error)}\n`,
  );
  process.exit(error instanceof StartError ? exitConfig : exitFailed);
}
