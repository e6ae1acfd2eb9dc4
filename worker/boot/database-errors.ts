/** What the database says at start that the person who started the process can mend. */
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { isUntrustedServer, sqlState } from '../db/index.ts';
import { StartError } from '../errors.ts';

/** A wrong role or password (class 28), and a database that is not there. */
const refused = /^(28...|3D000)$/;
/** data_corrupted, index_corrupted */
const damaged = /^XX00[12]$/;

/** The error as one of start: `database_refused`, `database_untrusted`, `database_damaged`; undefined when it is none of these. */
export function databaseStartError({ database, home }: Config, error: unknown): StartError | undefined {
  const state = sqlState(error) ?? '';
  const name = database
    ? `database ${database.database} of Postgres at ${database.host}:${database.port}`
    : `embedded database in ${join(home, 'pglite')}`;
  if (database && refused.test(state)) {
    return new StartError({
      code: 'database_refused',
      message: `The ${name} is not open to the role ${database.user}`,
      hint: 'Check DB_USERNAME, DB_PASSWORD and DB_DATABASE, and that the database was created.',
      cause: error,
    });
  }
  if (database && isUntrustedServer(error)) {
    return new StartError({
      code: 'database_untrusted',
      message: `The Postgres at ${database.host}:${database.port} did not prove who it is, as MILLRACE_DB_SSL_MODE=${database.tls?.mode} wants`,
      hint: 'Expected a server with TLS (ssl = on), a certificate signed by the CA in MILLRACE_DB_SSL_CA_CERTS, and with verify-full one that names what DB_HOST says. Nothing was sent to it.',
      cause: error,
    });
  }
  if (damaged.test(state)) {
    return new StartError({
      code: 'database_damaged',
      message: `Some of the files of the ${name} are damaged`,
      hint: 'Nothing was changed. Restore a copy, or move the damaged files away and start with an empty database.',
      cause: error,
    });
  }
  return undefined;
}
