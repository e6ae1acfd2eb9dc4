/** The doctor beside the embedded default: looking makes nothing, holds nothing up, and sees what runs. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Workshop } from '../embedded/setup.ts';
import { examine, runDoctor } from './setup.ts';

const workshop = new Workshop();
afterAll(() => workshop[Symbol.asyncDispose]());

describe('a data folder that is not there', () => {
  test('should be fine, and not be made', async () => {
    const home = await workshop.home();
    const report = await examine({ MILLRACE_HOME: home });
    expect(report).toMatchObject({ code: 0, status: 'ok', mode: 'all', findings: [] });
    expect(report.about('data folder')[0]?.found).toContain('not there yet');
    expect(report.about('private redis')[0]?.found).toMatch(/redis-server \d+\.\d+\.\d+ is there/);
    expect(existsSync(home)).toBe(false);
  });

  test('should be named when it cannot be made', async () => {
    const home = await workshop.home();
    await writeFile(home, 'a file in its place');
    const report = await examine({ MILLRACE_HOME: home });
    expect(report.code).toBe(1);
    expect(report.codes).toContain('data_folder_unwritable');
    expect(report.about('data folder')[0]?.findings[0]?.mend).toContain('MILLRACE_HOME');
  });
});

describe('without redis-server', () => {
  test('should be named before a start fails', async () => {
    const home = await workshop.home();
    const { code, stdout } = await runDoctor({ MILLRACE_HOME: home, PATH: '/nowhere' });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fault redis_missing: .*\n {2}To mend it: .*REDIS_HOST/m);
  });
});

describe('a data folder', () => {
  test('should be seen in use, with its Redis, and then free, with its migrations', async () => {
    const home = await workshop.home();
    const millrace = await workshop.start(home);
    const inUse = await examine({ MILLRACE_HOME: home });
    expect(inUse).toMatchObject({ code: 0, status: 'ok', findings: [] });
    expect(inUse.about('data folder')[0]).toMatchObject({
      found: `in use by process ${millrace.child.pid}`,
      unseen: [expect.stringContaining('embedded database')],
    });
    expect(inUse.about('redis server')[0]?.facts).toMatchObject({ role: 'master', aof: true, eviction: 'noeviction' });
    expect(await millrace.stop()).toBe(0);
    const free = await examine({ MILLRACE_HOME: home });
    expect(free).toMatchObject({ code: 0, findings: [] });
    expect(free.about('data folder')[0]?.found).toMatch(/^free, its database has (\d+) of \1 migrations$/);
    // nothing is left that holds the next start up
    const again = await workshop.start(home);
    expect(await again.stop()).toBe(0);
  });

  test('should be seen free when nothing is in it', async () => {
    const home = await workshop.home();
    await mkdir(home);
    const report = await examine({ MILLRACE_HOME: home });
    expect(report.code).toBe(0);
    expect(report.about('data folder')[0]?.found).toBe('free');
    expect(existsSync(join(home, 'pglite', 'PG_VERSION'))).toBe(false);
  });
});
