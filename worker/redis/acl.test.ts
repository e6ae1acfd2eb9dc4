import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type AclUserName, aclLine, aclUserNames, aclUsers } from './acl.ts';

const scripts = join(dirname(fileURLToPath(import.meta.resolve('bullmq'))), 'scripts');

/** Commands in the text of a script of BullMQ, also those that it passes on as a word. */
function commandsOf(script: string): string[] {
  const file = readdirSync(scripts).find((name) => name.startsWith(`${script}-`) && name.endsWith('.js'));
  const text = readFileSync(join(scripts, file ?? ''), 'utf8');
  const called = text.matchAll(/(?:rcall|redis\.p?call)\(\s*["'](\w+)["']/g);
  const passedOn = text.matchAll(/["']([LR]PUSH)["']/g);
  return [...called, ...passedOn].map(([, name = '']) => name.toLowerCase());
}

/** Commands in the scripts of a file of ours. */
function commandsOfFile(path: string): string[] {
  const text = readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
  return [...text.matchAll(/\bcall\('(\w+)'/g)].map(([, name = '']) => name.toLowerCase());
}

const granted = (name: AclUserName) => new Set<string>(aclUsers[name].commands);

describe('the users of Redis', () => {
  it.each([
    ['millrace-api', ['pause', 'removeJob', 'getCounts']],
    ['millrace-beat', ['pause', 'removeJob']],
    [
      'millrace-worker',
      [
        ...['moveToActive', 'moveToFinished', 'moveToDelayed', 'moveJobFromActiveToWait', 'moveStalledJobsToWait'],
        ...['retryJob', 'extendLocks', 'updateProgress', 'pause', 'removeJob', 'getCounts'],
      ],
    ],
  ] as const)('should let %s do all that the scripts of BullMQ do that it runs', (name, run) => {
    const needed = new Set(run.flatMap(commandsOf));
    expect(needed.size).toBeGreaterThan(10);
    expect([...needed.difference(granted(name))]).toEqual([]);
  });

  it.each([
    ['millrace-api', ['../runtime/add-jobs.ts']],
    ['millrace-beat', ['../runtime/add-jobs.ts']],
    ['millrace-worker', ['../runtime/add-jobs.ts', '../runtime/move-jobs.ts']],
  ] as const)('should let %s do all that the scripts of Millrace do that it runs', (name, run) => {
    const needed = new Set(run.flatMap(commandsOfFile));
    expect(needed.size).toBeGreaterThan(7);
    expect([...needed.difference(granted(name))]).toEqual([]);
  });

  it('should let nobody do what concerns the server, its users or all keys', () => {
    const never =
      /^(acl|config(?!\|rewrite)|debug|flush|keys|migrate|module|monitor|replicaof|restore|save|scan|shutdown)/;
    for (const name of aclUserNames)
      expect(aclUsers[name].commands.filter((command) => never.test(command))).toEqual([]);
  });

  it('should let no user of queues see a key without the prefix of the queues', () => {
    for (const name of aclUserNames) expect(['{millrace:*}:*', undefined]).toContain(aclUsers[name].keys[0]);
  });

  it('should leave a user without a password off', () => {
    expect(aclLine('millrace-health')).toBe('user millrace-health off resetkeys resetchannels -@all +ping');
    expect(aclLine('millrace-health', 'secret')).toContain(' on >secret ');
  });
});
