import { expect, it } from 'vitest';
import { readConfig } from '../config/config.ts';
import { databaseStartError } from './database-errors.ts';

const embedded = readConfig({ MILLRACE_HOME: '/data' });
const server = readConfig({ DB_HOST: 'db', DB_USERNAME: 'worker', DB_PASSWORD: 'hunter2', DB_DATABASE: 'dify' });
const withState = (code: string) => new Error('outer', { cause: Object.assign(new Error('of Postgres'), { code }) });

it('should name the server, role and database that do not go together, never the password', () => {
  for (const state of ['28P01', '28000', '3D000']) {
    const error = databaseStartError(server, withState(state));
    expect(error).toMatchObject({
      code: 'database_refused',
      message: 'The database dify of Postgres at db:5432 is not open to the role worker',
    });
    expect(error?.hint).toContain('DB_PASSWORD');
  }
});

it('should name the server that did not prove who it is, and what was wanted', () => {
  const tls = readConfig({ DB_HOST: 'db', DB_PASSWORD: 'hunter2', MILLRACE_DB_SSL_MODE: 'verify-full' });
  expect(databaseStartError(tls, withState('SELF_SIGNED_CERT_IN_CHAIN'))).toMatchObject({
    code: 'database_untrusted',
    message: 'The Postgres at db:5432 did not prove who it is, as MILLRACE_DB_SSL_MODE=verify-full wants',
    hint: expect.stringContaining('MILLRACE_DB_SSL_CA_CERTS'),
  });
});

it('should name the database whose files are damaged', () => {
  for (const state of ['XX001', 'XX002']) {
    expect(databaseStartError(embedded, withState(state))).toMatchObject({
      code: 'database_damaged',
      message: 'Some of the files of the embedded database in /data/pglite are damaged',
    });
    expect(databaseStartError(server, withState(state))?.message).toContain('dify of Postgres at db:5432');
  }
});

it('should leave every other error as it is', () => {
  for (const error of [withState('42P01'), withState('ECONNREFUSED'), new Error('other'), undefined])
    expect(databaseStartError(server, error)).toBeUndefined();
});
