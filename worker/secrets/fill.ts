/** Fills each consumer's folder from the store. */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../errors.ts';
import { hashedAclLine } from '../redis/index.ts';
import type { CertificateAuthority } from './certificates.ts';
import { type Consumer, type ConsumerName, type Content, consumers, databaseRoles } from './consumers.ts';
import type { TakenOver } from './dify-env.ts';
import { writeSecret } from './files.ts';
import { scramVerifier } from './scram.ts';
import type { SecretStore } from './store.ts';

export interface Sources {
  readonly given: TakenOver['secrets'];
  readonly store: SecretStore;
  /** Of a Postgres that is not the kit's. */
  readonly databaseCa?: string;
  readonly authority: Pick<CertificateAuthority, 'read'>;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

async function rolesSql(store: SecretStore): Promise<string> {
  const lines = databaseRoles.map(async (role) => {
    const verifier = scramVerifier(await store.password(role), await store.salt(role));
    return `alter role ${role} password '${verifier}';\n`;
  });
  return (await Promise.all(lines)).join('');
}

/**
 * Nobody is let in without a user: `default` is off. It keeps its rights all the same: Redis reads its append-only file as this
 * user, and with fewer rights it leaves out every transaction, and so every effect of a script, at each start.
 */
async function aclFile(store: SecretStore, users: Extract<Content, { kind: 'acl' }>['users']): Promise<string> {
  const lines = users.map(async (user) => hashedAclLine(user, sha256(await store.password(user))));
  return ['user default off resetpass ~* &* +@all', ...(await Promise.all(lines)), ''].join('\n');
}

async function certificateText(sources: Sources, content: Extract<Content, { kind: 'ca' | 'certificate' | 'key' }>) {
  const text =
    content.kind === 'ca'
      ? await sources.authority.read('ca', 'crt')
      : await sources.authority.read(content.of, content.kind === 'key' ? 'key' : 'crt');
  if (text === undefined) {
    const what = content.kind === 'ca' ? 'certificate of the CA' : `${content.kind} of ${content.of}`;
    throw new MillraceError({
      code: 'certificates_not_made',
      message: `Expected the ${what} in the store, and found none.`,
      hint: 'Run the one-shot again: it makes what is missing.',
    });
  }
  return text;
}

/** What a file holds, without a line end after passwords and keys; undefined: there is to be no such file. */
async function textOf(content: Content, sources: Sources): Promise<string | undefined> {
  switch (content.kind) {
    case 'database-password':
      return sources.store.password(content.role);
    case 'redis-password':
      return sources.store.password(content.user);
    case 'database-ca':
      return sources.databaseCa;
    case 'api-key':
      return sources.store.apiKey();
    case 'weaviate-key':
      return sources.store.weaviateKey();
    case 'given':
      return sources.given[content.variable];
    case 'roles-sql':
      return rolesSql(sources.store);
    case 'acl':
      return aclFile(sources.store, content.users);
    default:
      return certificateText(sources, content);
  }
}

/** Only its owner may look in. */
const folderMode = 0o500;

/**
 * Writes the files of a consumer into its folder and removes what is none of them. Returns the names of what is new.
 * @param owned false: files stay with whoever runs this (tests)
 */
export async function fillConsumer(
  name: ConsumerName,
  folder: string,
  sources: Sources,
  owned: boolean,
): Promise<readonly string[]> {
  const { uid, files }: Consumer = consumers[name];
  await mkdir(folder, { recursive: true });
  const changed: string[] = [];
  const wanted = new Set<string>();
  for (const [file, content] of Object.entries(files)) {
    const text = await textOf(content, sources);
    if (text === undefined) continue;
    wanted.add(file);
    const fresh = await writeSecret(join(folder, file), text, owned ? { uid, gid: uid } : undefined);
    if (fresh) changed.push(file);
  }
  for (const file of await readdir(folder)) {
    if (!wanted.has(file)) await rm(join(folder, file), { force: true, recursive: true });
  }
  if (owned) {
    await chown(folder, uid, uid);
    await chmod(folder, folderMode);
  }
  return changed;
}
