/** Servers that the kit does not run: their passwords come from `.env`, their certificates from `compose/external/`. */
import { join } from 'node:path';
import { externalFiles } from '../config/given.ts';
import type { CertificateAuthority } from './certificates.ts';
import { refusal, type TakenOver } from './dify-env.ts';
import { readIfThere } from './files.ts';
import type { Sources } from './fill.ts';
import { type PasswordName, SecretStore } from './store.ts';

export interface ExternalOptions {
  readonly store: SecretStore;
  readonly authority: CertificateAuthority;
  readonly given: TakenOver;
  readonly compose: string;
  readonly tls: boolean;
  readonly databaseTls: boolean;
}

/**
 * One user and one password stand for all services there: what the operator was given.
 * @throws StartError `secrets_refused`
 */
export async function externalSecrets(options: ExternalOptions): Promise<Sources> {
  const { store, authority, given, compose, tls, databaseTls } = options;
  const faults: string[] = [];
  const database = given.database ?? '';
  const redis = given.redis ?? '';
  if (database === '') faults.push('DB_PASSWORD: needed with MILLRACE_TOPOLOGY=external');
  if (redis === '') faults.push('REDIS_PASSWORD: needed with MILLRACE_TOPOLOGY=external');
  const at = (kind: keyof typeof externalFiles) => readIfThere(join(compose, 'external', externalFiles[kind]));
  const theirs = { ca: await at('ca'), certificate: await at('certificate'), key: await at('key') };
  if (tls && theirs.ca === undefined)
    faults.push('MILLRACE_TLS: true wants the certificate of the CA of your Redis, as compose/external/ca.crt');
  const databaseCa = databaseTls ? await at('databaseCa') : undefined;
  if (databaseTls && databaseCa === undefined)
    faults.push(
      'MILLRACE_DB_SSL_MODE: wants the certificate of the CA of your Postgres, as compose/external/db-ca.crt',
    );
  if ((theirs.certificate === undefined) !== (theirs.key === undefined))
    faults.push('compose/external: expected client.crt and client.key together, instead found one of them');
  if (faults.length > 0) throw refusal(faults);

  const sentinel = given.sentinel ?? redis;
  class TheirStore extends SecretStore {
    override async password(name: PasswordName): Promise<string> {
      if (name === 'millrace-sentinel-client') return sentinel;
      return name.startsWith('millrace-') ? redis : database;
    }
  }
  const own = authority.read.bind(authority);
  const read: CertificateAuthority['read'] = async (name, kind) => {
    if (name === 'ca') return theirs.ca ?? own(name, kind);
    return (kind === 'key' ? theirs.key : theirs.certificate) ?? own(name, kind);
  };
  return {
    store: new TheirStore(store.path('.')),
    authority: { read },
    given: given.secrets,
    ...(databaseCa === undefined ? {} : { databaseCa }),
  };
}
