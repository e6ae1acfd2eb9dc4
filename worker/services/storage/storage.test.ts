import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStorage, openStorageLater, type Storage, type StorageSettings } from './storage.ts';

const ways: readonly (readonly [string, (settings: StorageSettings) => Storage | Promise<Storage>])[] = [
  ['opened at once', openStorage],
  ['opened at its first use', openStorageLater],
];

describe.each(ways)('storage on a folder, %s', (_way, open) => {
  let root: string;
  let storage: Storage;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'millrace-storage-'));
    storage = await open({ scheme: 'fs', options: { root } });
  });
  afterAll(() => rm(root, { recursive: true }));

  it('should give back what was put, streamed, with its size and hash', async () => {
    const part = Buffer.alloc(700_000, 'x');
    const stored = await storage.put('a/b.txt', Readable.from([part, part, part]));
    expect(stored.sizeBytes).toBe(2_100_000);
    expect(stored.sha256).toHaveLength(64);
    let size = 0;
    for await (const chunk of await storage.open('a/b.txt')) size += chunk.length;
    expect(size).toBe(2_100_000);
  });

  it('should say file_missing for a key that is not there', async () => {
    await expect(storage.open('nowhere')).rejects.toMatchObject({ code: 'file_missing' });
  });

  it('should leave nothing behind when the source breaks', async () => {
    async function* broken() {
      yield Buffer.from('half');
      throw new Error('the uploader went away');
    }
    await expect(storage.put('broken', broken())).rejects.toMatchObject({ code: 'storage_failed' });
    await expect(storage.open('broken')).rejects.toMatchObject({ code: 'file_missing' });
  });

  it('should delete, and not mind a key that is gone', async () => {
    await storage.put('gone', Readable.from([Buffer.from('x')]));
    await storage.delete('gone');
    await storage.delete('gone');
    await expect(storage.open('gone')).rejects.toMatchObject({ code: 'file_missing' });
  });

  it('should refuse a service it does not know', async () => {
    await expect(openStorage({ scheme: 'nosuch', options: {} })).rejects.toMatchObject({
      code: 'storage_misconfigured',
    });
  });
});
