/** Files that appear as a whole, with their mode and owner, or not at all. */
import { chmod, chown, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno } from '../errors.ts';

/** Readable by their owner, writable by nobody. */
const secretMode = 0o400;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The text of a file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Writes a file and puts it in place by a rename: who reads meanwhile, or after a power cut, sees the old one or the new one.
 * A file that holds the same text already is left, but for its mode and owner. True: the text is new.
 * @param owner left out: whoever runs this
 */
export async function writeSecret(path: string, text: string, owner?: Owner, mode = secretMode): Promise<boolean> {
  if ((await readIfThere(path)) === text) {
    if (owner) await chown(path, owner.uid, owner.gid);
    await chmod(path, mode);
    return false;
  }
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  const file = await open(fresh, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
    if (owner) await file.chown(owner.uid, owner.gid);
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  await syncFolder(dirname(path));
  return true;
}

/** A rename is sure to outlive a power cut only once its folder is on the disk too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } catch (error) {
    // file systems of networks and virtual machines know no such call for folders
    if (!isErrno(error, 'EINVAL', 'ENOTSUP')) throw error;
  } finally {
    await folder.close();
  }
}
