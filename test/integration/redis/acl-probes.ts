/** What users of Redis must not do, and how a server answers when one tries. */
import { Redis } from 'ioredis';
import type { AclUserName } from '../../../worker/redis/index.ts';
import type { RedisProcess } from '../../harness/redis-process.ts';
import { fastTasksKey } from '../../harness/topologies.ts';

type Command = readonly [string, ...string[]];

/** A key of the queue that the tests use. */
export const keyOf = (id: string) => `${fastTasksKey}:${id}`;

/** Commands that concern more than queues, and keys that are not theirs. */
export const foreign: readonly Command[] = [
  ['flushall'],
  ['flushdb'],
  ['config', 'get', '*'],
  ['config', 'set', 'maxmemory', '1'],
  ['keys', '*'],
  ['keys', 'bull:*'],
  ['scan', '0'],
  ['randomkey'],
  ['acl', 'list'],
  ['acl', 'setuser', 'intruder', 'on', 'nopass', '+@all', '~*'],
  ['client', 'list'],
  ['monitor'],
  ['save'],
  ['bgrewriteaof'],
  ['replicaof', 'no', 'one'],
  ['script', 'flush'],
  ['function', 'flush'],
  ['module', 'list'],
  ['migrate', '127.0.0.1', '1', 'bull:mail:1', '0', '100'],
  ['slowlog', 'get'],
  ['swapdb', '0', '1'],
  ['publish', 'channel', 'word'],
  ['get', 'session:1'],
  ['set', 'session:1', 'mine'],
  ['del', 'session:1'],
  ['hgetall', 'bull:mail:1'],
  ['hset', '{other:mail}:mail:1', 'data', '{}'],
  ['eval', "return redis.call('hget', KEYS[1], 'data')", '1', 'bull:mail:1'],
];

/** What the users of servers and probes would need keys for. */
export const ownKeys: readonly Command[] = [
  ['hgetall', keyOf('1')],
  ['lpush', keyOf('wait'), '1'],
  ['eval', "return redis.call('hget', KEYS[1], 'data')", '1', keyOf('1')],
];

/** A script may name no key and reach for one all the same. */
export const hidden = ['eval', "return redis.call('hget', 'bull:mail:1', 'data')", '0'] as const;

/** Commands of sentinels that are for operators, and words that only sentinels may say. */
export const ofOperators: readonly Command[] = [
  ['sentinel', 'failover', 'millrace'],
  ['sentinel', 'remove', 'millrace'],
  ['sentinel', 'set', 'millrace', 'quorum', '1'],
  ['sentinel', 'master', 'millrace'],
  ['shutdown'],
  ['acl', 'list'],
  ['subscribe', '__sentinel__:hello'],
  ['publish', '+switch-master', 'lie'],
];

/** What the server's log holds of refusals to our users. */
export async function refusedBy(server: RedisProcess): Promise<string[]> {
  const entries = await server.call('acl', 'log');
  return (Array.isArray(entries) ? entries : []).map((entry) => JSON.stringify(fieldsOf(entry)));
}

/** A reply of names and values in turn, or one with members. */
export function fieldsOf(reply: unknown): Readonly<Record<string, unknown>> {
  if (!Array.isArray(reply)) return typeof reply === 'object' && reply !== null ? { ...reply } : {};
  return Object.fromEntries(reply.flatMap((name, at) => (at % 2 === 0 ? [[String(name), reply[at + 1]]] : [])));
}

export async function answerOf(
  { host, port }: RedisProcess,
  username: AclUserName,
  password: string,
  [command, ...args]: Command,
): Promise<string> {
  const redis = new Redis({
    ...{ host, port, username, password },
    enableReadyCheck: false,
    retryStrategy: () => null,
    commandTimeout: 3000,
  });
  redis.on('error', () => undefined);
  try {
    return `answered: ${JSON.stringify(await redis.call(command, ...args))}`;
  } catch (error) {
    return String(error);
  } finally {
    redis.disconnect();
  }
}

/** Those of the commands that the server did not refuse this user. */
export async function answers(
  server: RedisProcess,
  user: AclUserName,
  password: string,
  commands: readonly Command[],
): Promise<string[]> {
  const heard = await Promise.all(
    commands.map(async (command) => [command.join(' '), await answerOf(server, user, password, command)] as const),
  );
  return heard.filter(([, answer]) => !answer.includes('NOPERM')).map(([command, answer]) => `${command}: ${answer}`);
}
