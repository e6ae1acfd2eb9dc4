import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogger } from './logger.ts';

let printed: string;
beforeEach(() => {
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    printed += String(chunk);
    return true;
  });
});
afterEach(() => void vi.restoreAllMocks());

const plain = (level: 'debug' | 'info' = 'info') => createLogger({ level, plain: true });

const secret = 'hunter2';
const shapes: Record<string, object> = {
  'at the top': { password: secret, apiKey: secret, api_key: secret, authorization: secret, token: secret, secret },
  'in a member': { target: { password: secret, sentinelPassword: secret }, embedding: { apiKey: secret } },
  'in the headers of a request': { req: { headers: { authorization: `Bearer ${secret}` } } },
  'in a member of a member': { config: { redis: { host: 'redis', password: secret } } },
};

it.each(Object.entries(shapes))('should never print a secret that stands %s', (_where, logged) => {
  plain().info(logged, 'connecting');
  expect(printed).toContain('connecting');
  expect(printed).toContain('***');
  expect(printed).not.toContain(secret);
});

it('should not print secrets of child loggers', () => {
  plain()
    .child({ target: { password: secret } })
    .info('connecting');
  expect(printed).not.toContain(secret);
});

it('should leave what is logged as it was', () => {
  const logged = { password: secret };
  plain().info(logged, 'connecting');
  expect(logged.password).toBe(secret);
});

it('should print short lines for people: time, level, message, what else there is', () => {
  plain().info({ queue: 'mail', tasks: 3, list: ['a'] }, 'took over');
  expect(printed).toMatch(/^\d\d:\d\d:\d\d info {2}took over queue=mail tasks=3 list=\["a"\]\n$/);
});

it('should name an error by its message, without its stack', () => {
  plain().warn({ err: new Error('the database is away') }, 'sweep failed');
  expect(printed).toMatch(/ WARN {2}sweep failed \(the database is away\)\n$/);
  printed = '';
  plain().error(new Error('only this'));
  expect(printed).toMatch(/ ERROR only this\n$/);
});

it('should print nothing below its level', () => {
  plain().debug('not this');
  expect(printed).toBe('');
  plain('debug').debug('but this');
  expect(printed).toMatch(/ debug but this\n$/);
});
