import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openPglite } from './pglite.ts';
import { ensurePgliteFolder } from './pglite-folder.ts';

const makeFolder = fileURLToPath(new URL('./testing/make-folder.ts', import.meta.url));
const waitMs = { timeout: 20_000, interval: 10 };

let home: string;
let folder: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-pglite-'));
  folder = join(home, 'pglite');
});
afterEach(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));

/** Process ids of the children of `parent` that make a database. */
async function makers(parent: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // a process may end between the listing and the look
    const read = (file: string) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '');
    const [status, command] = await Promise.all([read('status'), read('cmdline')]);
    if (Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) === parent && command.includes('pglite-folder.child'))
      found.push(Number(name));
  }
  return found;
}

describe('a folder that is not there', () => {
  test('should be made as a whole, for its owner only, and be left alone by the next start', async () => {
    await ensurePgliteFolder(folder);
    expect(await readdir(home)).toEqual(['pglite']);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const made = await stat(join(folder, 'PG_VERSION'));
    await ensurePgliteFolder(folder);
    expect((await stat(join(folder, 'PG_VERSION'))).ino).toBe(made.ino);
    // shut down in order: there is nothing to recover from the log
    expect(existsSync(join(folder, 'postmaster.pid'))).toBe(false);
  });

  test('should be said to be impossible to make when its parent is not there', async () => {
    await expect(ensurePgliteFolder(join(home, 'missing', 'pglite'))).rejects.toMatchObject({
      name: 'StartError',
      code: 'database_not_made',
    });
  });
});

test('should take the place of an empty folder, and let Postgres hold no more than it was told', async () => {
  await mkdir(folder);
  const db = await openPglite(folder);
  const [row] = await db.query<{ buffers: string }>(`select current_setting('shared_buffers') as buffers`);
  expect(row?.buffers).toBe('32MB');
  await db.close();
});

test('should refuse files without a database, and leave them as they are', async () => {
  await mkdir(folder);
  await writeFile(join(folder, 'pg_hba.conf'), 'kept');
  await expect(ensurePgliteFolder(folder)).rejects.toMatchObject({
    code: 'database_unreadable',
    message: expect.stringContaining('PG_VERSION'),
  });
  expect(await readFile(join(folder, 'pg_hba.conf'), 'utf8')).toBe('kept');
  expect(await readdir(folder)).toEqual(['pg_hba.conf']);
});

describe('killed half-way', () => {
  test('should leave no database, and the next start should make one and clear up', async () => {
    const starting = spawn(process.execPath, [makeFolder, folder], { stdio: 'ignore' });
    const exited = once(starting, 'exit');
    await vi.waitFor(async () => expect(await makers(starting.pid ?? 0)).toHaveLength(1), waitMs);
    await vi.waitFor(async () => expect(await readdir(home)).toHaveLength(1), waitMs);
    starting.kill('SIGKILL');
    await exited;
    expect(await readdir(home)).toEqual([expect.stringMatching(/^pglite\.new-/)]);

    // the child of the killed one may still run: it writes to a folder of its own
    const db = await openPglite(folder);
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await db.close();
    await vi.waitFor(async () => {
      await ensurePgliteFolder(folder);
      expect(await readdir(home)).toEqual(['pglite']);
    }, waitMs);
  });

  test('should say so when only the child was killed, and leave nothing', async () => {
    const making = ensurePgliteFolder(folder);
    making.catch(() => undefined);
    const [maker] = await vi.waitFor(async () => {
      const found = await makers(process.pid);
      expect(found).toHaveLength(1);
      return found;
    }, waitMs);
    process.kill(maker ?? 0, 'SIGKILL');
    await expect(making).rejects.toMatchObject({
      code: 'database_not_made',
      cause: expect.objectContaining({ message: expect.stringContaining('SIGKILL') }),
    });
    expect(await readdir(home)).toEqual([]);
  });
});
