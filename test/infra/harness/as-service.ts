/** Code inside a service's own container, connected to Redis and Postgres as that service. Standalone without TLS. */
import type { ComposeDeployment } from './compose.ts';

const connected = (body: string) => `
const { readFileSync } = require('node:fs'), { Redis } = require('ioredis'), { Client } = require('pg');
const { REDIS_HOST, REDIS_USERNAME, REDIS_PASSWORD_FILE, DB_HOST, DB_USERNAME, DB_DATABASE, DB_PASSWORD_FILE } = process.env;
(async () => {
  const redis = new Redis({ host: REDIS_HOST, username: REDIS_USERNAME, password: readFileSync(REDIS_PASSWORD_FILE, 'utf8'), maxRetriesPerRequest: 1 });
  redis.on('error', () => {});
  const db = new Client({ host: DB_HOST, user: DB_USERNAME, database: DB_DATABASE, password: readFileSync(DB_PASSWORD_FILE, 'utf8') });
  await Promise.all([redis.ping(), db.connect()]);
  const answer = await (async () => {${body}})();
  redis.disconnect();
  await db.end();
  console.log(JSON.stringify(answer));
})();`;

/** @param body of an async function with `redis` (ioredis) and `db` (pg); what it returns, as JSON has it */
export async function asService<T>(
  deployment: Pick<ComposeDeployment, 'compose'>,
  service: string,
  body: string,
): Promise<T> {
  return JSON.parse(await deployment.compose(['exec', '-T', service, 'node', '-e', connected(body)]));
}
