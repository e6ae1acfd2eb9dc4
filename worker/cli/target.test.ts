import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findTarget } from './target.ts';

const url = 'http://127.0.0.1:5001';
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-target-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

it('should take the key that is kept in the data folder', async () => {
  await writeFile(join(home, 'api-key'), 'mr-kept-there\n');
  expect(await findTarget({ url }, { MILLRACE_HOME: home })).toMatchObject({
    url,
    key: 'mr-kept-there',
    from: 'option',
  });
});

it('should say that a key is there and cannot be read, and not that there is none', async () => {
  await mkdir(join(home, 'api-key'));
  await expect(findTarget({ url }, { MILLRACE_HOME: home })).rejects.toMatchObject({
    code: 'api_key_unreadable',
    exitCode: 78,
    message: expect.stringContaining('is there and cannot be read'),
  });
});

it('should refuse a file that is to hold the key and is empty', async () => {
  const file = join(home, 'own');
  await writeFile(file, '\n');
  await expect(findTarget({ url, apiKeyFile: file }, { MILLRACE_HOME: home })).rejects.toMatchObject({
    code: 'api_key_unreadable',
    message: expect.stringContaining('is empty'),
  });
});
