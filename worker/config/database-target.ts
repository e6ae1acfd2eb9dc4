/** Where Postgres stands, from Dify's variables. */
import { readFileSync } from 'node:fs';
import { errorText } from '../errors.ts';
import type { Environment } from './environment.ts';

export interface DatabaseTls {
  /** `verify-ca`: some server of the CA. `verify-full`: also the one by the name or address that it is reached at. */
  readonly mode: Exclude<Environment['MILLRACE_DB_SSL_MODE'], 'disable'>;
  /** Certificates of the CA, PEM. Absent: the public CAs that Node knows. */
  readonly ca?: string;
}

export interface DatabaseTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Absent: without TLS. */
  readonly tls?: DatabaseTls;
  /** Connections kept and opened at most. `SQLALCHEMY_POOL_SIZE` + `SQLALCHEMY_MAX_OVERFLOW`. */
  readonly poolMax: number;
  /** How long a caller waits for a free connection. `SQLALCHEMY_POOL_TIMEOUT`. */
  readonly acquireTimeoutMs: number;
  /** Age at which a connection is replaced. `SQLALCHEMY_POOL_RECYCLE`. */
  readonly recycleSeconds: number;
  /** Bound on every statement, kept by the server. */
  readonly statementTimeoutMs: number;
}

/** `MILLRACE_DB_SSL_MODE`, with what stands in the file of the CA. */
function databaseTls(env: Environment, faults: string[]): DatabaseTls | undefined {
  const { MILLRACE_DB_SSL_MODE: mode, MILLRACE_DB_SSL_CA_CERTS: path } = env;
  if (mode === 'disable') return undefined;
  if (path === undefined) return { mode };
  try {
    return { mode, ca: readFileSync(path, 'utf8') };
  } catch (error) {
    faults.push(`MILLRACE_DB_SSL_CA_CERTS: cannot read ${path} (${errorText(error)})`);
    return undefined;
  }
}

/** Where Postgres stands; undefined for the embedded one. */
export function databaseTarget(env: Environment, faults: string[]): DatabaseTarget | undefined {
  if (env.DB_TYPE !== 'postgresql') {
    faults.push(`DB_TYPE: expected postgresql, instead got "${env.DB_TYPE}"; Millrace runs on Postgres only`);
  }
  if (env.DB_HOST === undefined) {
    if (env.MODE !== 'all') faults.push(`DB_HOST: needed in mode ${env.MODE}`);
    return undefined;
  }
  if (env.DB_PASSWORD === undefined)
    faults.push('DB_PASSWORD: needed with DB_HOST; give it as DB_PASSWORD_FILE to keep it out of the environment');
  const tls = databaseTls(env, faults);
  return {
    host: env.DB_HOST,
    port: env.DB_PORT,
    user: env.DB_USERNAME,
    password: env.DB_PASSWORD ?? '',
    database: env.DB_DATABASE,
    ...(tls === undefined ? {} : { tls }),
    poolMax: env.SQLALCHEMY_POOL_SIZE + env.SQLALCHEMY_MAX_OVERFLOW,
    acquireTimeoutMs: env.SQLALCHEMY_POOL_TIMEOUT * 1000,
    recycleSeconds: env.SQLALCHEMY_POOL_RECYCLE,
    statementTimeoutMs: env.MILLRACE_STATEMENT_TIMEOUT * 1000,
  };
}
