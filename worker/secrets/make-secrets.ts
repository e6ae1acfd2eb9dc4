/** What the one-shot does, on folders that are passed in. Safe to repeat, and to kill: the store is written first. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { aclUserNames } from '../redis/index.ts';
import { newApiKey } from '../services/tenants/tenants.ts';
import { CertificateAuthority } from './certificates.ts';
import { type Consumer, consumerNames, consumers, databaseRoles } from './consumers.ts';
import { meaningless, takenOver, unusedUrls } from './dify-env.ts';
import { externalSecrets } from './external.ts';
import { readIfThere } from './files.ts';
import { fillConsumer } from './fill.ts';
import { keyOnHost, writeKeyOnHost } from './host-key.ts';
import { newPassword, SecretStore } from './store.ts';

/** Those of the kit's own Redis, and `external`: Redis and Postgres are an operator's own. */
export const topologies = ['standalone', 'sentinel', 'cluster', 'external'] as const;

export interface SecretsCommand {
  /** Every password and certificate anew, but those that `.env` sets. */
  readonly rotate: boolean;
  /** The API key too. */
  readonly rotateApiKey: boolean;
}

export interface SecretsOptions extends SecretsCommand {
  readonly store: string;
  /** One folder a consumer below it. */
  readonly consumers: string;
  /** Holds `.env.example`, perhaps `.env`, and `external/` with certificates of servers that are not the kit's. */
  readonly compose: string;
  /** Where the API key goes. */
  readonly host: string;
  readonly topology: (typeof topologies)[number];
  readonly tls: boolean;
  /** To a Postgres that is not the kit's. */
  readonly databaseTls: boolean;
  /** Hands files to their consumers' users; root only. */
  readonly owned: boolean;
  readonly say: (line: string) => void;
}

/** @throws StartError `secrets_refused` when `.env` or the host holds a secret that is none, or `.env` lacks one that it must hold */
export async function makeSecrets(options: SecretsOptions): Promise<void> {
  const { say } = options;
  const env = (await readIfThere(join(options.compose, '.env'))) ?? '';
  const given = takenOver(env);
  const onHost = await keyOnHost(options.host);
  await mkdir(options.store, { recursive: true });
  const store = new SecretStore(options.store);
  const authority = new CertificateAuthority(options.store);

  if (options.rotate) {
    for (const name of [...databaseRoles, ...aclUserNames]) await store.keepPassword(name, newPassword());
    await store.keepWeaviateKey(newPassword());
    await authority.renew();
    say('every password and certificate is new');
  }
  const made = await authority.ensure();
  if (made.length > 0) say(`made certificates: ${made.join(', ')}`);
  if (given.database !== undefined) await store.keepPassword('postgres', given.database);
  if (given.redis !== undefined) await store.keepPassword('millrace-producer', given.redis);
  if (given.sentinel !== undefined) await store.keepPassword('millrace-sentinel-client', given.sentinel);
  if (given.apiKey !== undefined) await store.keepApiKey(given.apiKey);
  else if (options.rotateApiKey) await store.keepApiKey(newApiKey());
  const key = await store.apiKey(onHost);

  const sources =
    options.topology === 'external'
      ? await externalSecrets({ ...options, store, authority, given })
      : { store, authority, given: given.secrets };
  for (const name of consumerNames) {
    const folder = join(options.consumers, name);
    const { overlay }: Consumer = consumers[name];
    if (overlay && !existsSync(folder)) continue;
    const changed = await fillConsumer(name, folder, sources, options.owned);
    if (changed.length > 0) say(`${name}: wrote ${changed.join(', ')}`);
  }
  if (await writeKeyOnHost(options.host, key, options.compose)) say('wrote the API key to the host');
  await tellOfTheRest(options, env);
}

/** Keys of a Dify `.env` that do nothing here: said, so that nobody leans on them. */
async function tellOfTheRest({ compose, say }: SecretsOptions, env: string): Promise<void> {
  const example = (await readIfThere(join(compose, '.env.example'))) ?? '';
  const urls = unusedUrls(env);
  if (urls.length > 0) say(`built from their parts, and not read: ${urls.join(', ')}`);
  const names = meaningless(env, example);
  if (names.length > 0) say(`mean nothing here: ${names.join(', ')}`);
}
