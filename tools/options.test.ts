import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const module = fileURLToPath(new URL('options.ts', import.meta.url));
const program = `
import { oneOrMoreOf, readOptions, wholeNumber } from ${JSON.stringify(module)};
const { values } = readOptions({
  usage: 'make it [--rounds N] [--only red|blue]',
  allowPositionals: false,
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string', multiple: true, default: [] } },
});
console.log(wholeNumber('rounds', values.rounds, 1, 10), oneOrMoreOf('only', values.only, ['red', 'blue']).join());
`;

function run(...args: string[]) {
  const node = ['--input-type=module-typescript', '--eval', program, '--', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, node, { encoding: 'utf8' });
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

const usage = 'make it [--rounds N] [--only red|blue]';

it('should give what was asked for, and defaults', () => {
  expect(run()).toEqual({ status: 0, stdout: '3', stderr: '' });
  expect(run('--rounds', '7', '--only', 'blue')).toEqual({ status: 0, stdout: '7 blue', stderr: '' });
});

it('should tell the usage when it is asked for it', () => {
  expect(run('--rounds', '7', '--help')).toEqual({ status: 0, stdout: usage, stderr: '' });
});

it('should refuse what it does not know in one line with the usage', () => {
  expect(run('--round', '7')).toEqual({ status: 2, stdout: '', stderr: `Unknown option '--round'.\n${usage}` });
  expect(run('7')).toEqual({ status: 2, stdout: '', stderr: `Unexpected argument '7'.\n${usage}` });
});

it('should refuse a value by saying what was expected', () => {
  const expected = 'expected a whole number from 1 to 10, instead got';
  for (const value of ['0', '11', 'x', '1.5', ''])
    expect(run('--rounds', value)).toEqual({ status: 2, stdout: '', stderr: `--rounds: ${expected} "${value}"` });
  expect(run('--only', 'red', '--only', 'moon')).toMatchObject({
    status: 2,
    stderr: '--only: expected red, blue, instead got "moon"',
  });
});
