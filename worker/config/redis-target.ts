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
      /** How long a sentinel may take to answer, milliseconds. */
      readonly sentinelTimeoutMs?: number;
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

const milliseconds = (seconds: number | undefined) => (seconds === undefined ? undefined : Math.round(seconds * 1000));

/** Drops unset members, as exactOptionalPropertyTypes wants. */
const defined = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined && member !== '')) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** `host`, `host:port`, `[IPv6]`, `[IPv6]:port`. */
const hostPortPattern = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@[\]]+))(?::(\d{1,5}))?$/;

function hostPorts(name: string, entries: readonly string[], defaultPort: number, faults: Faults): HostPort[] {
  return entries.map((entry) => {
    const match = hostPortPattern.exec(entry);
    const host = match?.[1] ?? match?.[2] ?? '';
    const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
    if (host === '' || port < 1 || port > 65_535) {
      // what is written like a URL may hold a password
      const got = entry.includes('@') ? 'something with credentials (not shown)' : `"${entry}"`;
      faults.push(`${name}: expected host:port or [IPv6 address]:port, instead got ${got}`);
    }
    return { host, port };
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
  const { REDIS_SSL_CERT_REQS: asked = 'CERT_REQUIRED' } = env;
  if (asked !== 'CERT_REQUIRED')
    faults.push(
      `REDIS_SSL_CERT_REQS: certificates are always checked, so with TLS expected CERT_REQUIRED, instead got ${asked}; name the CA in REDIS_SSL_CA_CERTS`,
    );
  return defined({ ca: read('REDIS_SSL_CA_CERTS'), cert: read('REDIS_SSL_CERTFILE'), key: read('REDIS_SSL_KEYFILE') });
}

/** The parts of a broker URL, when all of them are of one kind and name a host; only sentinels come in several. */
function brokerUrls(url: string): [URL, ...URL[]] | undefined {
  const [first, ...rest] = url.split(';').flatMap((part) => URL.parse(part.trim()) ?? [undefined]);
  if (!first || !/^(redis|rediss|sentinel):$/.test(first.protocol)) return undefined;
  if (rest.length > 0 && first.protocol !== 'sentinel:') return undefined;
  const others = rest.filter((part) => part?.protocol === first.protocol && part.hostname !== '');
  if (first.hostname === '' || others.length < rest.length) return undefined;
  return [first, ...others.filter((part) => part !== undefined)];
}

/** Of these schemes a URL keeps the brackets of an IPv6 address, which no socket takes. */
const bareHost = (url: URL) => url.hostname.replace(/^\[(.*)\]$/, '$1');

/** Undefined when a percent sign is no escape. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** A broker URL: `redis://`, `rediss://`, or several `sentinel://` parted by semicolons. */
function fromUrl(name: string, url: string, env: Environment, faults: Faults): RedisTarget | undefined {
  const parts = brokerUrls(url);
  if (!parts) {
    faults.push(
      `${name}: expected redis://[:password@]host:port/db, rediss://… or sentinel://host:port/db;sentinel://…, instead got something else (its value is not shown: it may hold a password)`,
    );
    return undefined;
  }
  const [first] = parts;
  const db = /^\/?$/.test(first.pathname) ? 0 : Number(/^\/(\d{1,5})$/.exec(first.pathname)?.[1] ?? Number.NaN);
  if (Number.isNaN(db)) faults.push(`${name}: expected a database number after the port`);
  const username = decoded(first.username);
  const password = decoded(first.password);
  if (username === undefined || password === undefined)
    faults.push(`${name}: expected user and password percent-encoded; a percent sign itself is written %25`);
  const credentials = {
    ...defined({ username, password }),
    ...(first.protocol === 'rediss:' || env.BROKER_USE_SSL || env.REDIS_USE_SSL ? { tls: readTls(env, faults) } : {}),
  };
  if (first.protocol !== 'sentinel:') {
    return { topology: 'standalone', host: bareHost(first), port: Number(first.port || 6379), db, ...credentials };
  }
  const masterName = env.CELERY_SENTINEL_MASTER_NAME ?? env.REDIS_SENTINEL_SERVICE_NAME;
  if (masterName === undefined) faults.push('CELERY_SENTINEL_MASTER_NAME: needed with a sentinel:// broker URL');
  return {
    topology: 'sentinel',
    db,
    sentinels: parts.map((part) => ({ host: bareHost(part), port: Number(part.port || sentinelPort) })),
    masterName: masterName ?? '',
    ...credentials,
    ...defined({
      sentinelUsername: env.REDIS_SENTINEL_USERNAME,
      sentinelPassword: env.CELERY_SENTINEL_PASSWORD ?? env.REDIS_SENTINEL_PASSWORD,
      sentinelTimeoutMs: milliseconds(env.CELERY_SENTINEL_SOCKET_TIMEOUT ?? env.REDIS_SENTINEL_SOCKET_TIMEOUT),
    }),
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
      ...defined({
        sentinelUsername: env.REDIS_SENTINEL_USERNAME,
        sentinelPassword: env.REDIS_SENTINEL_PASSWORD,
        sentinelTimeoutMs: milliseconds(env.REDIS_SENTINEL_SOCKET_TIMEOUT),
      }),
    };
  }
  if (env.REDIS_HOST === undefined) return undefined;
  return { topology: 'standalone', host: env.REDIS_HOST, port: env.REDIS_PORT, db, ...credentials };
}

/** The targets that the environment names, or undefined when it names none (the embedded default then starts its own). */
export function redisTargets(env: Environment, faults: Faults): RedisTargets | undefined {
  if (env.REDIS_KEY_PREFIX)
    faults.push(
      `REDIS_KEY_PREFIX: keys begin with {millrace: and with no other prefix, instead got "${env.REDIS_KEY_PREFIX}"; unset it, and give Millrace a Redis or database numbers of its own`,
    );
  const url = env.CELERY_BROKER_URL ?? env.REDIS_URL;
  const urlName = env.CELERY_BROKER_URL === undefined ? 'REDIS_URL' : 'CELERY_BROKER_URL';
  const fromBrokerUrl = url === undefined ? undefined : fromUrl(urlName, url, env, faults);
  if (env.CELERY_USE_SENTINEL && fromBrokerUrl?.topology !== 'sentinel' && !env.REDIS_USE_SENTINEL)
    faults.push('CELERY_USE_SENTINEL: true, but no sentinel:// URL stands in CELERY_BROKER_URL');
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
