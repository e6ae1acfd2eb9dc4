import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keptSecret, openDataFolder } from './data-folder.ts';

let parent: string;
let home: string;
let logged: unknown[];
const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) });
beforeEach(async () => {
  logged = [];
  parent = await mkdtemp(join(tmpdir(), 'millrace-folder-'));
  home = join(parent, 'home');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const mode = async (path: string) => (await stat(path)).mode & 0o777;

/** A second process that holds the folder. */
async function holder(path: string) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./testing/hold-folder.ts', import.meta.url)), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [said] = await once(child.stdout, 'data');
  expect(String(said)).toBe('held\n');
  return child;
}

describe('the data folder', () => {
  it('should be made for its owner only', async () => {
    const folder = await openDataFolder(home, log);
    expect(await mode(home)).toBe(0o700);
    expect(await mode(folder.redis)).toBe(0o700);
    expect(await mode(join(home, 'pid'))).toBe(0o600);
    expect(folder).toMatchObject({ path: home, database: join(home, 'pglite'), apiKeyFile: join(home, 'api-key') });
    folder.release();
  });

  it('should be left as open as somebody made it, with what is in it closed, and say so once', async () => {
    await mkdir(home);
    await chmod(home, 0o755);
    const folder = await openDataFolder(home, log);
    expect(await mode(home)).toBe(0o755);
    for (const inner of ['redis', 'pglite', 'storage']) expect(await mode(join(home, inner)), inner).toBe(0o700);
    await keptSecret(folder.apiKeyFile);
    for (const file of ['pid', 'api-key']) expect(await mode(join(home, file)), file).toBe(0o600);
    expect(logged).toEqual([
      expect.objectContaining({ level: 40, folder: home, mode: '755', hint: expect.stringContaining('chmod 700') }),
    ]);
    folder.release();
  });

  it('should keep the mode of what somebody made in it', async () => {
    await mkdir(join(home, 'storage'), { recursive: true });
    await chmod(home, 0o750);
    await chmod(join(home, 'storage'), 0o770);
    (await openDataFolder(home, log)).release();
    expect(await mode(home)).toBe(0o750);
    expect(await mode(join(home, 'storage'))).toBe(0o770);
  });

  it('should say nothing of a folder that is for its owner only, whoever made it', async () => {
    await mkdir(home, { mode: 0o700 });
    (await openDataFolder(home, log)).release();
    (await openDataFolder(join(parent, 'below', 'ours'), log)).release();
    expect(await mode(join(parent, 'below', 'ours'))).toBe(0o700);
    expect(logged).toEqual([]);
  });

  it('should be refused while another process holds it, and name that process', async () => {
    const other = await holder(home);
    try {
      await expect(openDataFolder(home, log)).rejects.toMatchObject({
        code: 'data_folder_locked',
        message: `Another Millrace (process ${other.pid}) runs on the data folder ${home}.`,
        hint: expect.stringContaining('MILLRACE_HOME'),
      });
      // who was refused has not put its own id there
      expect(await readFile(join(home, 'pid'), 'utf8')).toBe(`${other.pid}\n`);
    } finally {
      other.kill('SIGKILL');
      await once(other, 'exit');
    }
  });

  it('should be free again once its holder was killed', async () => {
    const other = await holder(home);
    other.kill('SIGKILL');
    await once(other, 'exit');
    const folder = await openDataFolder(home, log);
    expect(await readFile(join(home, 'pid'), 'utf8')).toBe(`${process.pid}\n`);
    folder.release();
  });

  it('should be free again once its holder has released it', async () => {
    const other = await holder(home);
    other.stdin.end();
    const [said] = await once(other.stdout, 'data');
    expect(String(said)).toBe('released\n');
    (await openDataFolder(home, log)).release();
    (await openDataFolder(home, log)).release();
    if (other.exitCode === null) await once(other, 'exit');
  });

  it('should be refused a second time in the same process too', async () => {
    const folder = await openDataFolder(home, log);
    await expect(openDataFolder(home, log)).rejects.toMatchObject({ code: 'data_folder_locked' });
    folder.release();
  });

  it('should say that it cannot be made where a file stands in its way', async () => {
    await writeFile(home, 'a file');
    for (const path of [home, join(home, 'below')])
      await expect(openDataFolder(path, log)).rejects.toMatchObject({
        code: 'data_folder_unwritable',
        message: `The data folder ${path} cannot be made or written.`,
        hint: expect.stringContaining('MILLRACE_HOME'),
      });
    expect(await readFile(home, 'utf8')).toBe('a file');
  });

  it('should say that its lock file is damaged, and leave all as it is', async () => {
    await mkdir(home, { mode: 0o700 });
    await writeFile(join(home, 'lock.db'), 'no database, and long enough to be seen as none'.repeat(100));
    await expect(openDataFolder(home, log)).rejects.toMatchObject({ code: 'data_folder_damaged' });
    expect((await readdir(home)).sort()).toEqual(['lock.db', 'redis']);
  });
});

describe('a kept secret', () => {
  it('should be made once, and be the same from then on', async () => {
    const file = join(parent, 'secret');
    const first = await keptSecret(file);
    expect(first).toEqual({ secret: expect.stringMatching(/^[0-9a-f]{48}$/), made: true });
    expect(await keptSecret(file)).toEqual({ secret: first.secret, made: false });
    expect((await keptSecret(join(parent, 'other'))).secret).not.toBe(first.secret);
  });

  it('should be readable by its owner only, also where an empty file was open to all', async () => {
    const file = join(parent, 'secret');
    await keptSecret(file);
    expect(await mode(file)).toBe(0o600);
    const open = join(parent, 'open');
    await writeFile(open, '', { mode: 0o644 });
    expect(await keptSecret(open, () => 'made')).toEqual({ secret: 'made', made: true });
    expect(await mode(open)).toBe(0o600);
    expect((await readdir(parent)).sort()).toEqual(['open', 'secret']);
  });

  it('should be taken as somebody wrote it, without line breaks', async () => {
    const file = join(parent, 'secret');
    await writeFile(file, ' own secret\r\n');
    expect(await keptSecret(file)).toEqual({ secret: 'own secret', made: false });
  });

  it('should not be replaced when it cannot be read', async () => {
    await mkdir(join(parent, 'folder'));
    await expect(keptSecret(join(parent, 'folder'))).rejects.toThrow(/EISDIR/);
  });
});
