import { describe, expect, it } from 'vitest';
import { CommandError } from '../exit-codes.ts';
import { rotateSecrets } from './rotate.ts';

/** Answers `ps` with these services, and keeps the order of the rest. */
function composeOf(services: readonly string[], failing = '') {
  const done: string[] = [];
  return {
    done,
    run: async (args: readonly string[]) => {
      if (args.includes('--services')) return `${services.join('\n')}\n`;
      if (args[0] === 'ps')
        return args
          .slice(4)
          .map((Name) => JSON.stringify({ Name, Health: 'healthy' }))
          .join('\n');
      done.push(args.join(' '));
      if (failing !== '' && args.includes(failing))
        throw new CommandError({ code: 'compose_failed', message: 'no', exitCode: 1 });
      return '';
    },
  };
}

const sentinel = [
  'api',
  'db_postgres',
  'redis',
  'redis_1',
  'sentinel_0',
  'ssrf_proxy',
  'worker',
  'worker_beat',
  'worker_ai',
];

describe('rotation of the secrets of a deployment', () => {
  it('should let workers finish first, and start servers again before services', async () => {
    const compose = composeOf(sentinel);
    await rotateSecrets(compose, true, () => {});
    expect(compose.done).toEqual([
      'stop worker worker_beat worker_ai',
      'run --rm --no-deps -T secrets secrets rotate --api-key',
      'restart --no-deps db_postgres redis redis_1 sentinel_0',
      'restart --no-deps api',
      'start worker worker_beat worker_ai',
    ]);
  });

  it('should start everything again when no secrets could be made', async () => {
    const compose = composeOf(sentinel, 'rotate');
    await expect(rotateSecrets(compose, false, () => {})).rejects.toMatchObject({ code: 'compose_failed' });
    expect(compose.done.at(-1)).toBe('start worker worker_beat worker_ai');
  });

  it('should refuse where nothing runs, and where the servers are not of the kit', async () => {
    await expect(rotateSecrets(composeOf([]), false, () => {})).rejects.toMatchObject({ code: 'nothing_deployed' });
    await expect(rotateSecrets(composeOf(['api', 'worker']), false, () => {})).rejects.toMatchObject({
      code: 'secrets_not_ours',
    });
  });
});
