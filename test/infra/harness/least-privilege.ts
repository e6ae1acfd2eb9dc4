/** What a service may do at Redis and Postgres, tried from inside its own container with its own passwords. */
import { asService } from './as-service.ts';
import type { ComposeDeployment } from './compose.ts';

/** Of operators, of other services, or of other people's keys. */
const redisCommands = [
  ...[
    ['flushall'],
    ['config', 'get', '*'],
    ['acl', 'list'],
    ['keys', '*'],
    ['get', 'other:key'],
    ['set', 'other:key', '1'],
  ],
  ...[['monitor'], ['replicaof', 'no', 'one'], ['script', 'flush'], ['client', 'list'], ['swapdb', '0', '1']],
];
const statements = [
  'drop table tasks_live',
  'alter table tasks_live add column mine integer',
  'truncate tenants',
  'create role mine superuser',
  "alter role millrace_migrate password 'mine'",
  "select pg_read_file('/etc/passwd')",
  "copy (select 1) to program 'true'",
  'drop event trigger millrace_share_tables',
  'create schema mine',
  'create database mine',
];

const body = `
  const allowed = [];
  for (const [command, ...args] of ${JSON.stringify(redisCommands)})
    await redis.call(command, ...args).then(() => allowed.push(command), (error) => /NOPERM/.test(error.message) || allowed.push(command + ': ' + error.message));
  for (const text of ${JSON.stringify(statements)})
    await db.query(text).then(() => allowed.push(text), ({ code, message }) => code === '42501' || allowed.push(text + ': ' + message));
  return allowed;`;

/** What was not refused for lack of rights; standalone only. */
export const allowedBeyondNeed = (deployment: ComposeDeployment, service: string): Promise<readonly string[]> =>
  asService(deployment, service, body);
