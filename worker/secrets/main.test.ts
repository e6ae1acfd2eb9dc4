import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Refuses before it looks into a folder. */
function refused(args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
    timeout: 15_000,
  });
  expect(status, stderr).toBe(78);
  return stderr;
}

it.each([
  [{ MILLRACE_TLS: 'yes' }, 'MILLRACE_TLS: expected true, false, instead got yes'],
  [
    { MILLRACE_TOPOLOGY: 'clusters' },
    'MILLRACE_TOPOLOGY: expected standalone, sentinel, cluster, external, instead got clusters',
  ],
])('should refuse %o, and take it for no other word', (env, fault) => {
  expect(refused([], env)).toContain(`secrets: secrets_refused: compose/.env has a fault:\n  ${fault}\n`);
});

it.each([[['rotate', '--all']], [['make']], [['--api-key']]])(
  'should refuse the arguments %o, which it does not know',
  (args) => {
    expect(refused(args)).toContain(
      `secrets: secrets_usage: expected no argument, or rotate [--api-key], instead got ${args.join(' ')}`,
    );
  },
);
