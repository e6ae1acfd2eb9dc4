/** Why a Postgres cannot be reached. */
import type { DatabaseTarget } from '../config/config.ts';
import { isUntrustedServer, sqlState } from '../db/index.ts';
import { errorText } from '../errors.ts';
import { sentence } from './causes.ts';
import { type Finding, fault } from './report.ts';

interface Kind {
  readonly code: string;
  /** Of SQLSTATE, the system's code, or the driver's words. */
  readonly pattern: RegExp;
  readonly what: string;
  readonly mend: string;
}

/** The first that fits. */
const kinds: readonly Kind[] = [
  {
    code: 'database_refused',
    pattern: /^28|password must be a string|SCRAM/,
    what: 'refuses the role or its password',
    mend: 'Check DB_USERNAME and DB_PASSWORD, and the lines of pg_hba.conf for this machine.',
  },
  {
    code: 'database_missing',
    pattern: /^3D000/,
    what: 'has no such database',
    mend: 'Create it (createdb), or set DB_DATABASE to the one that there is.',
  },
  {
    code: 'database_full',
    pattern: /^53300/,
    what: 'has no connection left',
    mend: 'Raise max_connections, lower SQLALCHEMY_POOL_SIZE and SQLALCHEMY_MAX_OVERFLOW, or run fewer processes.',
  },
  {
    code: 'database_starting',
    pattern: /^57P03/,
    what: 'is starting or stopping',
    mend: 'Look again in a few seconds; if it stays, read its log.',
  },
  {
    code: 'database_denied',
    pattern: /^42501/,
    what: 'lets the role in and forbids it to look',
    mend: 'GRANT USAGE ON SCHEMA public, and SELECT on its tables, to the role in DB_USERNAME.',
  },
  {
    code: 'database_unreachable',
    pattern: /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN/,
    what: 'cannot be reached',
    mend: 'Check DB_HOST and DB_PORT, and that it runs and listens on that address (listen_addresses).',
  },
  {
    code: 'database_silent',
    pattern: /timeout|did not answer|ETIMEDOUT|ECONNRESET|terminated/i,
    what: 'does not answer',
    mend: 'It hangs, or a firewall drops what is sent to it: try psql from this machine, and read its log.',
  },
];

const untrusted = {
  code: 'database_untrusted',
  what: 'does not prove who it is',
  mend: 'Check its certificate against MILLRACE_DB_SSL_CA_CERTS and DB_HOST, and that it has ssl = on; MILLRACE_DB_SSL_MODE says what is wanted.',
};
const otherwise = { code: 'database_failed', what: 'answers with an error', mend: 'Its log says more.' };

export function postgresFault({ host, port, user, database }: DatabaseTarget, error: unknown): Finding {
  const words = errorText(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const told = `${sqlState(error) ?? code} ${words}`.trim();
  const kind = isUntrustedServer(error) ? untrusted : (kinds.find(({ pattern }) => pattern.test(told)) ?? otherwise);
  return fault(
    kind.code,
    sentence(`The Postgres at ${host}:${port} ${kind.what} (role ${user}, database ${database}): ${words || code}`),
    kind.mend,
  );
}
