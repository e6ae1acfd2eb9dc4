/** A checkout of a test's own: what deploys, with files of the test, since the checkout's own compose/.env is its owner's. */
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { root } from './docker.ts';

export type Files = Readonly<Record<string, string>>;

/** Writes text by path. */
export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

/** Choices of this machine, and what is built of them. */
const isOwners = (path: string) => /\/compose\/(\.env|\.build)$/.test(path);

/** Copies parts of the checkout, and links its packages. */
export async function checkoutCopy(folder: string, parts: readonly string[], files: Files): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const part of parts)
    await cp(join(root, part), join(folder, part), { recursive: true, filter: (source) => !isOwners(source) });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFiles(folder, files);
}
