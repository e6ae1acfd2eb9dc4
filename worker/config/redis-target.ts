/** Where each Redis role stands, worked out from Dify's variables. */
import { readFileSync } from 'node:fs';
import type { Environment } from './environment.ts';

export interface RedisTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}
export interface HostPort {
  readonly host: string;
  readonly port: number;
}
interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: RedisTls;
}
export type RedisTarget =
  | ({ readonly topology: 'standalone'; readonly db: number } & HostPort & Credentials)
  | ({
      readonly topology: 'sentinel';
      readonly db: number;
      readonly sentinels: readonly HostPort[];
      readonly masterName: string;
      readonly sentinelUsername?: string;
      readonly sentinelPassword?: string;
    } & Credentials)
  | ({ readonly topology: 'cluster'; readonly nodes: readonly HostPort[] } & Credentials);

/** The three uses of Redis. In a cluster, which has database 0 only, prefixes part them. */
export interface RedisTargets {
  readonly broker: RedisTarget;
  readonly cache: RedisTarget;
  readonly events: RedisTarget;
}

type Faults = string[];
const brokerDb = 1;
const sentinelPort = 26_379;

/** Drops unset members, as exactOptionalPropertyTypes wants. */
const defined = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined && member !== '')) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

function hostPorts(name: string, entries: readonly string[], defaultPort: number, faults: Faults): HostPort[] {
  return entries.map((entry) => {
    const match = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(entry);
    const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
    if (!match?.[1] || port < 1 || port > 65_535) faults.push(`${name}: expected host:port, instead got "${entry}"`);
    return { host: match?.[1] ?? entry, port };
  });
}

function readTls(env: Environment, faults: Faults): RedisTls {
  const read = (name: 'REDIS_SSL_CA_CERTS' | 'REDIS_SSL_CERTFILE' | 'REDIS_SSL_KEYFILE') => {
    const path = env[name];
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      faults.push(`${name}: cannot read ${path} (${error instanceof Error ? error.message : String(error)})`);
      return undefined;
    }
  };
  return defined({ ca: read('REDIS_SSL_CA_CERTS'), cert: read('REDIS_SSL_CERTFILE'), key: read('REDIS_SSL_KEYFILE') });
}

/** A broker URL: `redis://`, `rediss://`, or several `sentinel://` parted by semicolons. */
function fromUrl(name: string, url: string, env: Environment, faults: Faults): RedisTarget | undefined {
  const parts = url.split(';').map((part) => (URL.canParse(part) ? new URL(part) : undefined));
  const first = parts[0];
  const shape = `${name}: expected redis://[:password@]host:port/db, rediss://… or sentinel://host:port/db;sentinel://…`;
  if (!first || parts.includes(undefined) || !/^(redis|rediss|sentinel):$/.test(first.protocol)) {
    faults.push(`${shape}, instead got something else (its value is not shown: it may hold a password)`);
    return undefined;
  }
  const db = first.pathname.length > 1 ? Number(first.pathname.slice(1)) : 0;
  if (!Number.isInteger(db) || db < 0) faults.push(`${name}: expected a database number after the port`);
  const credentials = {
    ...defined({ username: decodeURIComponent(first.username), password: decodeURIComponent(first.password) }),
    ...(first.protocol === 'rediss:' || env.REDIS_USE_SSL ? { tls: readTls(env, faults) } : {}),
  };
  if (first.protocol !== 'sentinel:') {
    return { topology: 'standalone', host: first.hostname, port: Number(first.port || 6379), db, ...credentials };
  }
  const masterName = env.CELERY_SENTINEL_MASTER_NAME ?? env.REDIS_SENTINEL_SERVICE_NAME;
  if (masterName === undefined) faults.push('CELERY_SENTINEL_MASTER_NAME: needed with a sentinel:// broker URL');
  return {
    topology: 'sentinel',
    db,
    sentinels: parts.flatMap((part) =>
      part ? [{ host: part.hostname, port: Number(part.port || sentinelPort) }] : [],
    ),
    masterName: masterName ?? '',
    ...credentials,
    ...defined({ sentinelPassword: env.CELERY_SENTINEL_PASSWORD ?? env.REDIS_SENTINEL_PASSWORD }),
  };
}

function fromParts(env: Environment, db: number, faults: Faults): RedisTarget | undefined {
  const credentials = {
    ...defined({ username: env.REDIS_USERNAME, password: env.REDIS_PASSWORD }),
    ...(env.REDIS_USE_SSL ? { tls: readTls(env, faults) } : {}),
  };
  if (env.REDIS_USE_CLUSTERS) {
    if (!env.REDIS_CLUSTERS?.length) faults.push('REDIS_CLUSTERS: needed with REDIS_USE_CLUSTERS=true');
    const nodes = hostPorts('REDIS_CLUSTERS', env.REDIS_CLUSTERS ?? [], 6379, faults);
    return {
      topology: 'cluster',
      nodes,
      ...credentials,
      ...defined({ password: env.REDIS_CLUSTERS_PASSWORD ?? env.REDIS_PASSWORD }),
    };
  }
  if (env.REDIS_USE_SENTINEL) {
    if (!env.REDIS_SENTINELS?.length) faults.push('REDIS_SENTINELS: needed with REDIS_USE_SENTINEL=true');
    if (!env.REDIS_SENTINEL_SERVICE_NAME)
      faults.push('REDIS_SENTINEL_SERVICE_NAME: needed with REDIS_USE_SENTINEL=true');
    return {
      topology: 'sentinel',
      db,
      sentinels: hostPorts('REDIS_SENTINELS', env.REDIS_SENTINELS ?? [], sentinelPort, faults),
      masterName: env.REDIS_SENTINEL_SERVICE_NAME ?? '',
      ...credentials,
      ...defined({ sentinelUsername: env.REDIS_SENTINEL_USERNAME, sentinelPassword: env.REDIS_SENTINEL_PASSWORD }),
    };
  }
  if (env.REDIS_HOST === undefined) return undefined;
  return { topology: 'standalone', host: env.REDIS_HOST, port: env.REDIS_PORT, db, ...credentials };
}

/** The targets that the environment names, or undefined when it names none (the embedded default then starts its own). */
export function redisTargets(env: Environment, faults: Faults): RedisTargets | undefined {
  const url = env.CELERY_BROKER_URL ?? env.REDIS_URL;
  const urlName = env.CELERY_BROKER_URL === undefined ? 'REDIS_URL' : 'CELERY_BROKER_URL';
  const fromBrokerUrl = url === undefined ? undefined : fromUrl(urlName, url, env, faults);
  const shared = fromParts(env, env.REDIS_DB, faults);
  const broker = fromBrokerUrl ?? fromParts(env, brokerDb, []);
  const others = shared ?? fromBrokerUrl;
  return broker && others ? { broker, cache: others, events: others } : undefined;
}

/** The targets of one server that serves all roles, as the embedded default starts it. */
export function targetsOfOneServer(server: HostPort & { readonly password: string }): RedisTargets {
  const at = (db: number): RedisTarget => ({ topology: 'standalone', db, ...server });
  return { broker: at(brokerDb), cache: at(0), events: at(0) };
}
