/** What was made or taken over, kept in a volume that only this one-shot mounts. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { AclUserName } from '../redis/index.ts';
import { newApiKey } from '../services/tenants/tenants.ts';
import type { DatabaseRole } from './consumers.ts';
import { readIfThere, writeSecret } from './files.ts';
import { newSalt } from './scram.ts';

export type PasswordName = DatabaseRole | AclUserName;

const passwordBytes = 24;

/** One secret a file, in one folder. */
export class SecretStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where the CA and the certificates stand beside the passwords. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** The password of that name; made when there is none. */
  password(name: PasswordName): Promise<string> {
    return this.#kept(`${name}.password`, newPassword);
  }

  /** The salt of its verifier, so that the verifier stays the same from start to start. */
  salt(name: PasswordName): Promise<string> {
    return this.#kept(`${name}.salt`, newSalt);
  }

  /** The API key; made, unless `known` is one, when there is none. */
  apiKey(known?: string): Promise<string> {
    return this.#kept('api-key', () => known ?? newApiKey());
  }

  weaviateKey(): Promise<string> {
    return this.#kept('weaviate-key', newPassword);
  }

  async keepWeaviateKey(key: string): Promise<void> {
    await writeSecret(this.path('weaviate-key'), key);
  }

  async keepPassword(name: PasswordName, password: string): Promise<void> {
    if (await writeSecret(this.path(`${name}.password`), password))
      await writeSecret(this.path(`${name}.salt`), newSalt());
  }

  async keepApiKey(key: string): Promise<void> {
    await writeSecret(this.path('api-key'), key);
  }

  async #kept(file: string, make: () => string): Promise<string> {
    const kept = await readIfThere(this.path(file));
    if (kept !== undefined && kept !== '') return kept;
    const made = make();
    await writeSecret(this.path(file), made);
    return made;
  }
}

/** Letters and digits only: it goes through shells, SQL and configuration files unquoted. */
export const newPassword = (): string => randomBytes(passwordBytes).toString('hex');
