/** Scripts of compose/day-two, with stand-ins for the commands that they call. */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { command, root } from './harness/docker.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-day-two-'));
  await cp(join(root, 'compose/day-two'), join(folder, 'compose/day-two'), { recursive: true });
  await mkdir(join(folder, 'bin'));
  await mkdir(join(folder, 'tools'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const script = async (path: string, lines: string) => {
  await writeFile(join(folder, path), `#!/bin/sh\n${lines}\n`);
  await chmod(join(folder, path), 0o755);
};
const withBin = () => ({ PATH: `${folder}/bin:${process.env.PATH}` });

describe('make worker', () => {
  test('should reach Redis and Postgres at the ports that compose publishes, and hand the worker nothing of the kit', async () => {
    await script(
      'bin/docker',
      'case "$*" in *"port db_postgres 5432") echo 127.0.0.1:47101 ;; *"port redis 6379") echo 127.0.0.1:47102 ;; *cat*) echo a-password ;; esac',
    );
    await script('tools/run', 'echo "$MODE $DB_PORT $REDIS_PORT $MILLRACE_STATE_FOLDER $MILLRACE_TOPOLOGY"');
    const env = { ...withBin(), MILLRACE_STATE_FOLDER: 'a', MILLRACE_TOPOLOGY: 'standalone' };
    const said = await command(join(folder, 'compose/day-two/dev.sh'), ['worker'], { cwd: folder, env });
    expect(said.trim()).toBe('worker 47101 47102');
  });
});

describe('a backup', () => {
  /** Only what these lines need, so that no other program for sums is found. */
  async function pathWith(...programs: readonly string[]): Promise<string> {
    for (const program of ['bash', 'dirname', 'basename', 'perl', ...programs]) {
      const found = (await command('/bin/sh', ['-c', `command -v ${program}`])).trim();
      await symlink(found, join(folder, 'bin', program));
    }
    return join(folder, 'bin');
  }
  const inFolder = (PATH: string, line: string) =>
    new Promise<number>((resolve) => {
      const sourced = `. compose/day-two/lib.sh; cd "${folder}"; ${line}`;
      execFile('bash', ['-c', sourced, 'lib.sh'], { cwd: folder, env: { PATH } }, (error) =>
        resolve(typeof error?.code === 'number' ? error.code : error ? -1 : 0),
      );
    });

  test.each(['sha256sum', 'shasum'])(
    'should have sums that are written and looked at where there is only %s',
    async (program) => {
      const path = await pathWith(program);
      await writeFile(join(folder, 'one'), 'one');
      expect(await inFolder(path, 'sums one >SHA256SUMS && sums --check SHA256SUMS')).toBe(0);
      await writeFile(join(folder, 'one'), 'other');
      expect(await inFolder(path, 'sums --check SHA256SUMS')).toBe(1);
    },
  );
});
