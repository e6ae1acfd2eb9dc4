/**
 * Why a Redis cannot be reached. Through sentinels and in a cluster the library says only that a connection was closed, so each
 * server is tried once, alone.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { HostPort, RedisTarget, RedisTls } from '../config/redis-target.ts';
import { errorText, MillraceError } from '../errors.ts';

const probe = {
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  enableReadyCheck: false,
  connectTimeout: 3000,
  commandTimeout: 2000,
} satisfies RedisOptions;
/** Servers tried of a list: enough to tell one that is down from settings that are wrong. */
const maxProbed = 3;

interface Kind {
  readonly code: string;
  readonly pattern: RegExp;
  readonly what: string;
  readonly hint: string;
}

/** By the error's code and message; the first that fits. */
const kinds: readonly Kind[] = [
  {
    code: 'redis_credentials_refused',
    pattern: /WRONGPASS|NOAUTH|NOPERM|without any password configured/,
    what: 'refuses the user name or password',
    hint: 'Check REDIS_USERNAME and REDIS_PASSWORD, REDIS_SENTINEL_PASSWORD or REDIS_CLUSTERS_PASSWORD, or those in CELERY_BROKER_URL.',
  },
  {
    code: 'redis_client_certificate',
    pattern: /alert (certificate|bad certificate|unknown ca|handshake failure)/,
    what: 'does not take our certificate',
    hint: 'Set REDIS_SSL_CERTFILE and REDIS_SSL_KEYFILE to a certificate that it trusts.',
  },
  {
    code: 'redis_certificate_name',
    pattern: /ERR_TLS_CERT_ALTNAME_INVALID/,
    what: 'has a certificate for another name',
    hint: 'Reach it by a name in its certificate; sentinels and cluster nodes must announce such names too.',
  },
  {
    code: 'redis_certificate_untrusted',
    pattern: /CERT|UNABLE_TO_|SELF_SIGNED|CRL_/,
    what: 'has a certificate that is not trusted',
    hint: 'Set REDIS_SSL_CA_CERTS to the CA that signed it.',
  },
  {
    code: 'redis_not_speaking',
    pattern: /ECONNRESET|EPIPE|ETIMEDOUT|timed out|Connection is closed|EPROTO|disconnected before secure/,
    what: 'takes the connection and does not speak with us',
    hint: 'Either it speaks TLS and REDIS_USE_SSL is not set (or the other way round), it wants a client certificate (REDIS_SSL_CERTFILE, REDIS_SSL_KEYFILE), or it hangs.',
  },
];

const describe = (error: unknown, at: string): MillraceError => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = `${code} ${errorText(error)}`;
  const kind = kinds.find(({ pattern }) => pattern.test(text)) ?? {
    code: 'redis_unreachable',
    what: 'cannot be reached',
    hint: 'Check host and port, and that it runs.',
  };
  const { code: ofKind, what, hint } = kind;
  return new MillraceError({
    code: ofKind,
    message: `The Redis at ${at} ${what}`,
    hint,
    cause: error,
  });
};

/** What keeps a connection to `target` from working, or undefined when nothing does. Takes some seconds at most. */
export async function connectionCause(target: RedisTarget): Promise<MillraceError | undefined> {
  const { username, password, tls } = target;
  const data = { ...(username && { username }), ...(password && { password }), ...(tls && { tls }) };
  switch (target.topology) {
    case 'standalone':
      return (await tryServer(target, data)).cause;
    case 'cluster':
      return firstCause(target.nodes, (node) => tryServer(node, data, (redis) => redis.call('cluster', 'slots')));
    case 'sentinel': {
      const { sentinels, masterName, sentinelUsername, sentinelPassword } = target;
      const access = {
        ...(sentinelUsername && { username: sentinelUsername }),
        ...(sentinelPassword && { password: sentinelPassword }),
        ...(tls && { tls }),
      };
      let master: HostPort | undefined;
      const cause = await firstCause(sentinels, async (sentinel) => {
        const tried = await tryServer(sentinel, access, (redis) =>
          redis.call('sentinel', 'get-master-addr-by-name', masterName),
        );
        if (Array.isArray(tried.answer)) master = { host: String(tried.answer[0]), port: Number(tried.answer[1]) };
        return tried;
      });
      if (master) return (await tryServer(master, data)).cause;
      return cause ?? unknownMaster(masterName);
    }
  }
}

const unknownMaster = (name: string) =>
  new MillraceError({
    code: 'redis_master_unknown',
    message: `The sentinels answer and watch no master named "${name}".`,
    hint: 'Set REDIS_SENTINEL_SERVICE_NAME (or CELERY_SENTINEL_MASTER_NAME) to the name in "sentinel monitor".',
  });

interface Tried {
  readonly answer?: unknown;
  readonly cause?: MillraceError;
}

/** Undefined when one of the servers answers: then the others are merely down. */
async function firstCause<S>(
  servers: readonly S[],
  attempt: (server: S) => Promise<Tried>,
): Promise<MillraceError | undefined> {
  const tried = await Promise.all(servers.slice(0, maxProbed).map(attempt));
  if (tried.some(({ cause }) => cause === undefined)) return undefined;
  // one that is merely down says less than one that refuses
  return (tried.find(({ cause }) => cause?.code !== 'redis_unreachable') ?? tried[0])?.cause;
}

interface Access {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: RedisTls;
}

async function tryServer(
  { host, port }: HostPort,
  { tls, ...credentials }: Access,
  ask: (redis: Redis) => Promise<unknown> = (redis) => redis.ping(),
): Promise<Tried> {
  const redis = new Redis({ ...probe, ...credentials, ...(tls && { tls: { ...tls } }), host, port });
  // the event carries the reason, the rejection often says only that the connection was closed
  let reason: unknown;
  redis.on('error', (error) => {
    reason ??= error;
  });
  try {
    await redis.connect();
    return { answer: await ask(redis) };
  } catch (error) {
    return { cause: describe(reason ?? error, `${host}:${port}`) };
  } finally {
    redis.disconnect();
  }
}
