/** The settings that Redis and Postgres run with, asked by a worker under its own users. */
import { asService } from './as-service.ts';
import type { ComposeDeployment } from './compose.ts';
import { docker } from './docker.ts';

const body = `
  const info = Object.fromEntries((await redis.info()).split('\\r\\n').map((line) => line.split(':')));
  const names = ['max_connections', 'password_encryption', 'statement_timeout', 'idle_in_transaction_session_timeout', 'synchronous_commit', 'fsync'];
  const shown = Object.fromEntries(await Promise.all(names.map(async (name) => [name, (await db.query('select current_setting($1) as value', [name])).rows[0].value])));
  return { maxmemory: Number(info.maxmemory), maxmemory_policy: info.maxmemory_policy, aof_enabled: info.aof_enabled, ...shown };`;

/** Of a standalone deployment; `maxmemory` as a part of what the container may take. */
export async function serverSettings(deployment: ComposeDeployment): Promise<Readonly<Record<string, unknown>>> {
  const settings = await asService<{ readonly maxmemory: number }>(deployment, 'worker', body);
  const [redis] = await deployment.containers('redis');
  const limit = await docker(['inspect', '--format', '{{.HostConfig.Memory}}', redis?.ID ?? '']);
  return { ...settings, maxmemory: settings.maxmemory / Number(limit) };
}
