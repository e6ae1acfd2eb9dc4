import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { writeSecret } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-files-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

/** What is written through to the disk from now on, as `look` sees it then. */
async function synced(look: () => string, failing?: Error): Promise<readonly string[]> {
  const seen: string[] = [];
  const handle = await open(folder);
  const shared: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  vi.spyOn(shared, 'sync').mockImplementation(async function (this: FileHandle) {
    const isFolder = (await this.stat()).isDirectory();
    seen.push(`${isFolder ? 'folder' : 'file'}: ${look()}`);
    if (isFolder && failing) throw failing;
  });
  return seen;
}

it('should write a file through to the disk before it has its name, and its folder afterwards', async () => {
  const path = join(folder, 'secret');
  await writeSecret(path, 'old');
  const seen = await synced(() => readFileSync(path, 'utf8'));
  expect(await writeSecret(path, 'new')).toBe(true);
  expect(seen).toEqual(['file: old', 'folder: new']);
});

it('should do without the folder where its file system does', async () => {
  await synced(() => '', Object.assign(new Error('EINVAL: invalid argument, fsync'), { code: 'EINVAL' }));
  await expect(writeSecret(join(folder, 'secret'), 'new')).resolves.toBe(true);
});

it('should say so when the folder cannot be written through', async () => {
  await synced(() => '', Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }));
  await expect(writeSecret(join(folder, 'secret'), 'new')).rejects.toThrow('EIO');
});

it('should leave a file that holds the text already, but for its mode', async () => {
  const path = join(folder, 'secret');
  await writeSecret(path, 'the same', undefined, 0o600);
  const before = statSync(path);
  expect(await writeSecret(path, 'the same')).toBe(false);
  expect(statSync(path)).toMatchObject({ ino: before.ino, mode: (before.mode & ~0o777) | 0o400 });
});
