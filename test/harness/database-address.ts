/** Where a database of the harness is, and the two ways to it: a process's variables, and connections of the test's own. */
import { type Database, openPostgres, type PostgresOptions } from '../../worker/db/index.ts';

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The variables by which a process of Millrace finds it. */
export const databaseVariables = ({ host, port, user, password, database }: DatabaseAddress) => ({
  DB_HOST: host,
  DB_PORT: String(port),
  DB_USERNAME: user,
  DB_PASSWORD: password,
  DB_DATABASE: database,
});

/** Connections of the test's own, four unless told otherwise; what breaks them while nobody asks is told to whoever asks next. */
export const openDatabase = (
  address: DatabaseAddress,
  options: Partial<Omit<PostgresOptions, keyof DatabaseAddress>> = {},
): Database =>
  openPostgres({
    ...address,
    applicationName: 'millrace-test',
    poolMax: 4,
    acquireTimeoutMs: 10_000,
    recycleSeconds: 3600,
    statementTimeoutMs: 30_000,
    onError: () => undefined,
    ...options,
  });
