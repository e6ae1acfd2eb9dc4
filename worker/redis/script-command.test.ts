import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { scriptCommand } from './script-command.ts';

/** Whether V8 has made it among the young objects, which a quick collection frees. */
function youngTest(): (value: unknown) => boolean {
  setFlagsFromString('--allow-natives-syntax');
  try {
    const isYoung = runInNewContext('(value) => %InYoungGeneration(value)');
    // compiled with its first call
    isYoung({});
    return isYoung;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

it('should keep nothing of a call among the old objects: a later ioredis may do that by itself, or otherwise', () => {
  const isYoung = youngTest();
  const command = scriptCommand('evalsha', ['digest', 1, 'key', 'value']);
  expect(isYoung(command.reject)).toBe(true);
  expect(isYoung(command.resolve)).toBe(true);
});

it('should be answered as any command of ioredis', async () => {
  const command = scriptCommand('eval', ['return 1', 1, '{queue}:key', 5]);
  expect(command.toWritable(undefined as never).toString()).toBe(
    '*5\r\n$4\r\neval\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$11\r\n{queue}:key\r\n$1\r\n5\r\n',
  );
  expect(command.getKeys()).toEqual(['{queue}:key']);
  command.resolve([Buffer.from('text'), 7]);
  await expect(command.promise).resolves.toEqual(['text', 7]);
  expect(command.isSettled).toBe(true);
});

it('should be refused as any command of ioredis', async () => {
  const command = scriptCommand('eval', ['return 1', 0]);
  command.setTimeout(60_000);
  command.reject(new Error('NOSCRIPT no such script'));
  await expect(command.promise).rejects.toThrow('NOSCRIPT no such script');
  expect(command.isSettled).toBe(true);
});
