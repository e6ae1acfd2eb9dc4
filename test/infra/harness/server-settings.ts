/** The settings that Redis and Postgres run with, asked by a worker under its own users. */
import type { ComposeDeployment } from './compose.ts';
import { docker } from './docker.ts';

const script = `
const { readFileSync } = require('node:fs'), { Redis } = require('ioredis'), { Client } = require('pg');
const { REDIS_HOST, REDIS_USERNAME, REDIS_PASSWORD_FILE, DB_HOST, DB_USERNAME, DB_DATABASE, DB_PASSWORD_FILE } = process.env;
(async () => {
  const redis = new Redis({ host: REDIS_HOST, username: REDIS_USERNAME, password: readFileSync(REDIS_PASSWORD_FILE, 'utf8') });
  const info = Object.fromEntries((await redis.info()).split('\\r\\n').map((line) => line.split(':')));
  redis.disconnect();
  const db = new Client({ host: DB_HOST, user: DB_USERNAME, database: DB_DATABASE, password: readFileSync(DB_PASSWORD_FILE, 'utf8') });
  await db.connect();
  const names = ['max_connections', 'password_encryption', 'statement_timeout', 'idle_in_transaction_session_timeout', 'synchronous_commit', 'fsync'];
  const shown = await Promise.all(names.map(async (name) => [name, (await db.query('select current_setting($1) as value', [name])).rows[0].value]));
  await db.end();
  console.log(JSON.stringify({
    maxmemory: Number(info.maxmemory), maxmemory_policy: info.maxmemory_policy, aof_enabled: info.aof_enabled, ...Object.fromEntries(shown) }));
})();`;

/** Of a standalone deployment, and what its Redis's container may take, bytes. */
export async function serverSettings(deployment: ComposeDeployment): Promise<Readonly<Record<string, unknown>>> {
  const settings = JSON.parse(await deployment.compose(['exec', '-T', 'worker', 'node', '-e', script]));
  const [redis] = await deployment.containers('redis');
  const limit = await docker(['inspect', '--format', '{{.HostConfig.Memory}}', redis?.ID ?? '']);
  return { ...settings, maxmemory: settings.maxmemory / Number(limit) };
}
