/** Where Postgres stands, and how it is spoken to. */
import { decimal, integer, oneOf, port, text } from '../variable.ts';

/** TLS to Postgres, in its own words. */
export const databaseSslModes = ['disable', 'verify-ca', 'verify-full'] as const;

export const database = {
  DB_TYPE: text({ default: 'postgresql', doc: 'Only `postgresql`.' }),
  DB_HOST: text({ doc: 'Postgres server. Unset in mode `all`: an embedded PGlite is used.' }),
  DB_PORT: port()({ default: 5432, doc: 'Port of the Postgres server.' }),
  DB_USERNAME: text({ default: 'postgres', doc: 'Database role.' }),
  DB_PASSWORD: text({ secret: true, doc: 'Password of the role.' }),
  DB_DATABASE: text({ default: 'millrace', doc: 'Database name.' }),
  MILLRACE_DB_SSL_MODE: oneOf(...databaseSslModes)({
    default: 'disable',
    doc: 'TLS to Postgres, in its own words: `verify-full` wants a certificate of the CA for the name or address in `DB_HOST`, `verify-ca` one of the CA.',
  }),
  MILLRACE_DB_SSL_CA_CERTS: text({
    doc: 'Path of the CA certificate of Postgres (PEM). Unset: the public CAs that Node knows.',
  }),
  SQLALCHEMY_POOL_SIZE: integer(1, 1000, 'connections')({ default: 30, doc: 'Connections a process keeps.' }),
  SQLALCHEMY_MAX_OVERFLOW: integer(0, 1000, 'connections')({ default: 10, doc: 'Connections it may open besides.' }),
  SQLALCHEMY_POOL_RECYCLE: integer(
    0,
    86_400,
    'seconds',
  )({ default: 3600, doc: 'Age at which a connection is replaced; 0 is never.' }),
  SQLALCHEMY_POOL_TIMEOUT: decimal(
    0.1,
    600,
    'seconds',
  )({ default: 30, doc: 'How long a caller waits for a free connection.' }),
  MILLRACE_STATEMENT_TIMEOUT: decimal(0.1, 3600, 'seconds')({ default: 30, doc: 'Bound on every SQL statement.' }),
} as const;
