/** Servers of an operator's own, in the place of the kit's Redis and Postgres. */
import { StartError } from '../../worker/errors.ts';
import type { Values } from '../passed-on.ts';
import { secretFile } from './worker-image.ts';

/** Where they stand, by Dify's variables. An empty value counts as unset. */
export interface ExternalServers {
  readonly database: Readonly<Record<string, string>>;
  readonly redis: Readonly<Record<string, string>>;
}

const places = ['REDIS_HOST', 'REDIS_SENTINELS', 'REDIS_CLUSTERS'] as const;

/** @throws StartError `stack_setting` without DB_HOST, and where nothing says where Redis stands */
export function externalServers(values: Values): ExternalServers {
  if (!values.DB_HOST) {
    throw new StartError({
      code: 'stack_setting',
      message: 'DB_HOST is not set; with MILLRACE_TOPOLOGY=external the stack `external` expects your Postgres there.',
      hint: 'Set DB_HOST, DB_USERNAME and DB_PASSWORD, and where your Redis stands, in compose/.env.',
    });
  }
  if (!places.some((name) => values[name])) {
    throw new StartError({
      code: 'stack_setting',
      message:
        'None of REDIS_HOST, REDIS_SENTINELS and REDIS_CLUSTERS is set; with MILLRACE_TOPOLOGY=external the stack `external` expects your Redis in one of them.',
      hint: 'Say where your Redis stands in compose/.env.',
    });
  }
  const redis = (name: string, preset = '') => [name, values[name] || preset] as const;
  return {
    database: {
      DB_HOST: values.DB_HOST,
      DB_PORT: values.DB_PORT || '5432',
      DB_USERNAME: values.DB_USERNAME || 'postgres',
      DB_DATABASE: values.DB_DATABASE || 'millrace',
      MILLRACE_DB_SSL_MODE: values.MILLRACE_DB_SSL_MODE ?? '',
      MILLRACE_DB_SSL_CA_CERTS: values.MILLRACE_DB_SSL_MODE ? secretFile('db_ca.crt') : '',
    },
    redis: Object.fromEntries([
      redis('REDIS_HOST'),
      redis('REDIS_PORT', '6379'),
      redis('REDIS_DB', '0'),
      redis('REDIS_USERNAME'),
      redis('REDIS_USE_SENTINEL', 'false'),
      redis('REDIS_SENTINELS'),
      redis('REDIS_SENTINEL_SERVICE_NAME'),
      redis('REDIS_SENTINEL_USERNAME'),
      redis('REDIS_SENTINEL_SOCKET_TIMEOUT'),
      ['REDIS_SENTINEL_PASSWORD_FILE', values.REDIS_SENTINELS ? secretFile('redis_sentinel_password') : ''],
      redis('REDIS_USE_CLUSTERS', 'false'),
      redis('REDIS_CLUSTERS'),
    ]),
  };
}
