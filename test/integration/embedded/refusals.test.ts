/** What a person is told who cannot be served: one clear error, exit code 78, nothing harmed. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, runToEnd, stackTrace, Workshop } from './setup.ts';

const workshop = new Workshop();
afterAll(() => workshop[Symbol.asyncDispose]());

function expectRefused(ended: Ended, code: string, ...says: (string | RegExp)[]): void {
  expect(ended.stderr).toContain(`millrace: ${code}: `);
  expect(ended.code).toBe(78);
  for (const words of says) expect(ended.stderr).toMatch(words);
  expect(ended.stdout + ended.stderr).not.toMatch(stackTrace);
  expect(ended.stdout).not.toContain('ready');
}

describe('a wrong configuration', () => {
  test('should be answered with all its faults, before anything is touched', async () => {
    const home = await workshop.home();
    const ended = await runToEnd({
      MILLRACE_HOME: home,
      DB_TYPE: 'mysql',
      DIFY_PORT: 'http',
      MILLRACE_API_KEY: 'hunter2',
      CELERY_QUEUES: 'dataset,nosuch',
      MILLRACE_HOEM: home,
    });
    expectRefused(
      ended,
      'config_invalid',
      /has 5 faults/,
      /^ {2}DB_TYPE: expected postgresql/m,
      /^ {2}DIFY_PORT: expected a whole number/m,
      /^ {2}MILLRACE_API_KEY: expected at least 16/m,
      /^ {2}CELERY_QUEUES: no such queue: nosuch/m,
      /^ {2}MILLRACE_HOEM: no such variable/m,
      /environment\.md/,
    );
    expect(ended.stderr).not.toContain('hunter2');
    expect(ended.stdout).toBe('');
    expect(existsSync(home)).toBe(false);
  });
});

describe('a data folder that cannot be written', () => {
  test('should be named, with the variable that sets another', async () => {
    const home = await workshop.home();
    await writeFile(home, 'a file in its place');
    expectRefused(await runToEnd({ MILLRACE_HOME: home }), 'data_folder_unwritable', home, /MILLRACE_HOME/);
    expect(await readFile(home, 'utf8')).toBe('a file in its place');
  });
});

describe('a machine without redis-server, and a damaged database', () => {
  let bin: string;
  let home: string;
  let withoutRedis: Ended;

  beforeAll(async () => {
    // a PATH on which there is nothing: Node itself is started by its full path
    bin = await mkdtemp(join(tmpdir(), 'millrace-no-redis-'));
    home = await workshop.home();
    withoutRedis = await runToEnd({ MILLRACE_HOME: home, PATH: bin });
  });
  afterAll(() => rm(bin, { recursive: true, force: true }));

  test('should say what to run to get one', () => {
    expectRefused(withoutRedis, 'redis_missing', /tools\/setup/, /REDIS_HOST/);
  });

  /** Names and sizes of all files of the database, and the bytes of one. */
  async function contents(folder: string) {
    const names = (await readdir(folder, { recursive: true })).sort();
    const sizes = await Promise.all(names.map(async (name) => `${name} ${(await stat(join(folder, name))).size}`));
    return { sizes, control: (await readFile(join(folder, 'global', 'pg_control'))).toString('hex') };
  }

  test('should say which folder is damaged when its control file is overwritten, and delete nothing', async () => {
    const damaged = await workshop.home(home);
    const database = join(damaged, 'pglite');
    await writeFile(join(database, 'global', 'pg_control'), Buffer.alloc(8192, 0xa5));
    const before = await contents(database);
    const ended = await runToEnd({ MILLRACE_HOME: damaged });
    expectRefused(ended, 'database_unreadable', database, /damaged/);
    const after = await contents(database);
    // Postgres may have put its postmaster.pid there
    expect(after.sizes).toEqual(expect.arrayContaining(before.sizes));
    expect(after.control).toBe(before.control);
  });

  test('should say so too when the pages of a table are overwritten', async () => {
    const damaged = await workshop.home(home);
    const folder = join(damaged, 'pglite', 'base', '5');
    // tables of our own have numbers from 16384 on, those of Postgres below
    for (const name of await readdir(folder)) {
      const { size } = await stat(join(folder, name));
      if (/^\d+$/.test(name) && Number(name) >= 16_384) await writeFile(join(folder, name), Buffer.alloc(size, 0xa5));
    }
    expectRefused(await runToEnd({ MILLRACE_HOME: damaged }), 'database_damaged', join(damaged, 'pglite'));
  });

  test('should say so too when the files of the catalogue are gone', async () => {
    const damaged = await workshop.home(home);
    const database = join(damaged, 'pglite');
    await rm(join(database, 'base'), { recursive: true });
    await mkdir(join(database, 'base'));
    expectRefused(await runToEnd({ MILLRACE_HOME: damaged }), 'database_unreadable', database);
  });
});
