/** The completion that `millrace completion` prints, sourced and asked in the real shells. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readProgram } from '../../../worker/cli/program.ts';
import { runOnce } from './setup.ts';

const shells = {
  bash: ['bash', '--norc', '--noprofile'],
  zsh: ['zsh', '-f'],
  fish: ['fish', '--no-config'],
} as const;
type Shell = keyof typeof shells;

const { commands } = readProgram();
const groups = commands.filter((command) => command.commands.length > 0);

describe.each(Object.keys(shells) as Shell[])('completion in %s', (shell) => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), `millrace-${shell}-`));
    const { code, stdout } = await runOnce(['completion', shell], {});
    expect(code).toBe(0);
    await writeFile(join(folder, 'script'), stdout);
    for (const name of ['wheel.txt', 'wheel.pdf', 'stone.txt']) await writeFile(join(folder, name), '');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** What is offered when these words stand behind the program's name and the last is being typed. */
  function offered(...words: string[]): string[] {
    const [program, ...args] = shells[shell];
    const ask = fileURLToPath(new URL(`./shells/ask.${shell}`, import.meta.url));
    const ran = spawnSync(program, [...args, ask, join(folder, 'script'), ...words], {
      cwd: folder,
      // nothing of whoever runs the test
      env: { PATH: process.env.PATH, HOME: folder, LC_ALL: 'C.UTF-8', FOLDER: mkdtempSync(join(folder, 'asked-')) },
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (ran.error)
      throw new Error(`${shell} could not be asked; tools/setup --for test installs it`, { cause: ran.error });
    expect({ stderr: ran.stderr, status: ran.status }).toEqual({ stderr: '', status: 0 });
    return [...new Set(ran.stdout.split('\n').filter((word) => word !== ''))].sort();
  }

  it('should offer every command, and every command of a group', () => {
    expect(offered('')).toEqual(expect.arrayContaining(commands.map((command) => command.name())));
    for (const group of groups) {
      const own = group.commands.map((command) => command.name());
      expect(offered(group.name(), '')).toEqual(expect.arrayContaining(own));
    }
  });

  it('should offer what begins as the word does, and options of the command before it', () => {
    expect(offered('wh')).toEqual(['why']);
    expect(offered('dlq', 're')).toEqual(['retry']);
    expect(offered('dlq', 'retry', '--a')).toEqual(['--all', '--api-key-file']);
    expect(offered('dlq', 'retry', '--all', '--y')).toEqual(['--yes']);
    expect(offered('queues', '--wait')).toEqual([]);
  });

  it('should offer files where a file is wanted, and nowhere else', () => {
    expect(offered('index', 'wheel.')).toEqual(['wheel.pdf', 'wheel.txt']);
    expect(offered('queues', '--api-key-file', 'sto')).toEqual(['stone.txt']);
    expect(offered('queues', 'sto')).toEqual([]);
  });
});
