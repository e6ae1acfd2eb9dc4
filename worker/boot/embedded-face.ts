/** What the embedded default shows a person: the key it made, and where it listens. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { RedisTarget } from '../config/redis-target.ts';
import { type DataFolder, keptSecret } from '../embedded/data-folder.ts';
import { describeTarget } from '../redis/index.ts';
import { newApiKey } from '../services/tenants/tenants.ts';

/** The key of the environment, else the one kept in the data folder, made at first start. */
export async function embeddedKey(config: Config, folder: DataFolder): Promise<{ secret: string; made: boolean }> {
  if (config.api.key !== undefined) {
    // kept all the same, so that tools find the key that works
    await writeFile(folder.apiKeyFile, `${config.api.key}\n`, { mode: 0o600 });
    return { secret: config.api.key, made: false };
  }
  return keptSecret(folder.apiKeyFile, newApiKey);
}

export interface Announcement {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly url: string;
  readonly startedAt: number;
  readonly redis: RedisTarget;
  /** Set at the first start only. */
  readonly newKey: string | undefined;
}

/** Prints the address, and leaves it in `running.json` for tools. */
export async function announceReady({ config, folder, url, startedAt, redis, newKey }: Announcement): Promise<void> {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  const lines = [
    `Millrace is ready in ${seconds} s.`,
    `  API       ${url}  (openapi.json, healthz, readyz, metrics)`,
    `  key       ${newKey ?? ''}${newKey ? ', kept in ' : ''}${folder.apiKeyFile}`,
    `  redis     ${describeTarget(redis)}`,
    `  database  ${config.database ? `postgres ${config.database.host}:${config.database.port}/${config.database.database}` : `embedded, ${folder.database}`}`,
    'Ctrl-C drains and stops.',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  await writeFile(join(folder.path, 'running.json'), `${JSON.stringify({ pid: process.pid, url })}\n`, { mode: 0o600 });
}

/** A former run's announcement must not be taken for this one's. */
export async function withdrawAnnouncement(folder: DataFolder): Promise<void> {
  await rm(join(folder.path, 'running.json'), { force: true });
}
