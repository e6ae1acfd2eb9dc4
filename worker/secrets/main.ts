/** The one-shot `secrets`: makes what is missing, takes over what is there, hands each consumer its own. */
import { exitConfig, exitFailed } from '../boot/exit-codes.ts';
import { errorText, StartError } from '../errors.ts';
import { makeSecrets, type SecretsCommand } from './make-secrets.ts';

/** Where the kit mounts them (docs/reference/kit.md). */
const folders = {
  store: '/run/millrace/store',
  consumers: '/run/millrace/consumers',
  compose: '/run/millrace/compose',
  host: '/run/millrace/host',
};

function commandOf(args: readonly string[]): SecretsCommand {
  const [command = 'make', ...options] = args;
  const unknown = options.filter((option) => option !== '--api-key');
  if ((command === 'make' && options.length === 0) || (command === 'rotate' && unknown.length === 0))
    return { rotate: command === 'rotate', rotateApiKey: options.includes('--api-key') };
  throw new StartError({
    code: 'secrets_usage',
    message: `expected no argument, or rotate [--api-key], instead got ${args.join(' ')}`,
  });
}

try {
  await makeSecrets({
    ...folders,
    ...commandOf(process.argv.slice(2)),
    topology: process.env.MILLRACE_TOPOLOGY ?? 'standalone',
    tls: process.env.MILLRACE_TLS === 'true',
    databaseTls: !['', 'disable'].includes(process.env.MILLRACE_DB_SSL_MODE ?? ''),
    owned: true,
    say: (line) => process.stdout.write(`secrets: ${line}\n`),
  });
} catch (error) {
  const known = error instanceof StartError;
  process.stderr.write(
    known
      ? `secrets: ${error.code}: ${error.message}\n${error.hint ? `${error.hint}\n` : ''}`
      : `secrets: ${errorText(error)}\n`,
  );
  process.exit(known ? exitConfig : exitFailed);
}
