/** What all containers of the worker image share. */
import type { FolderMount, VolumeMount } from './service-props.ts';

export const workerUser = '1001:1001';

/** Roles of the ledger's database and users of Redis, by process. */
export type Process = 'api' | 'worker' | 'beat' | 'migrate';

const secretsFolder = '/run/secrets/millrace';

/** The secrets volume of a consumer, as it mounts it. */
export const secretsOf = (consumer: string): VolumeMount => ({
  volume: `secrets_${consumer}`,
  target: secretsFolder,
  readOnly: true,
});

export const secretFile = (name: string) => `${secretsFolder}/${name}`;

export const storage: VolumeMount = { volume: 'storage', target: '/app/storage' };
/** For LOG_FILE: the root is read-only. */
export const logs: VolumeMount = { volume: 'logs', target: '/app/logs' };

/** A folder of `compose/`, where the containers of both doors find it. */
export const kitFolder = (name: string): FolderMount => ({ path: `compose/${name}`, target: `/etc/millrace/${name}` });

/** How a process reaches Postgres. */
export const database = (process: Process): Record<string, string> => ({
  DB_HOST: 'db_postgres',
  DB_PORT: '5432',
  DB_DATABASE: 'millrace',
  DB_USERNAME: `millrace_${process}`,
  DB_PASSWORD_FILE: secretFile('db_password'),
});

/** How a process logs in to Redis; where Redis is comes from compose/env/. */
export const redisLogin = (process: Exclude<Process, 'migrate'>): Record<string, string> => ({
  REDIS_USERNAME: `millrace-${process}`,
  REDIS_PASSWORD_FILE: secretFile('redis_password'),
});

/** Addresses that come from users and tasks go through squid; a Weaviate of the operator stands beside the services. */
export const outward: Record<string, string> = {
  HTTP_PROXY: 'http://ssrf_proxy:3128',
  HTTPS_PROXY: 'http://ssrf_proxy:3128',
  NO_PROXY: 'localhost,127.0.0.1,weaviate',
  NODE_USE_ENV_PROXY: '1',
};
