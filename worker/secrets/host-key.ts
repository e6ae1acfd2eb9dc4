/** The API key on the host, as the embedded default keeps it: `.millrace/api-key`, 0600, of whoever owns the checkout. */
import { chmod, chown, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { minApiKeyChars } from '../config/variables/access.ts';
import { StartError } from '../errors.ts';
import { readIfThere, writeSecret } from './files.ts';

const file = 'api-key';
const ownerOnlyFile = 0o600;
const ownerOnlyFolder = 0o700;

/** The key that stands there; an empty file counts as none. @throws StartError `secrets_refused` for one that cannot serve: it may be somebody's */
export async function keyOnHost(folder: string): Promise<string | undefined> {
  const key = (await readIfThere(join(folder, file)))?.trim();
  if (key === undefined || key === '') return undefined;
  if (key.length >= minApiKeyChars) return key;
  throw new StartError({
    code: 'secrets_refused',
    message: `.millrace/${file}: expected at least ${minApiKeyChars} characters, instead got ${key.length}`,
    hint: 'Take the file away, and a key is made.',
  });
}

/**
 * Writes the key.
 * @param checkout a folder of the checkout: where Docker made the key's folder itself, as root, it goes to the owner of this one
 * @returns true when it was not there before
 */
export async function writeKeyOnHost(folder: string, key: string, checkout: string): Promise<boolean> {
  const made = await stat(folder);
  const madeByDocker = made.uid === 0 && (await readdir(folder)).every((name) => name === file);
  const owner = madeByDocker ? await stat(checkout) : made;
  if (madeByDocker) {
    await chown(folder, owner.uid, owner.gid);
    await chmod(folder, ownerOnlyFolder);
  }
  if ((await keyOnHost(folder)) === key) return false;
  return writeSecret(join(folder, file), `${key}\n`, owner, ownerOnlyFile);
}
