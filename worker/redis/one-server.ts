/** One Redis server, reached alone and for a moment: by its own address, past sentinels and the map of a cluster. */
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
    pattern: /WRONGPASS|NOAUTH|without any password configured/,
    what: 'refuses the user name or password',
    hint: 'Check REDIS_USERNAME and REDIS_PASSWORD, REDIS_SENTINEL_PASSWORD or REDIS_CLUSTERS_PASSWORD, or those in CELERY_BROKER_URL.',
  },
  {
    code: 'redis_command_denied',
    pattern: /NOPERM/,
    what: 'lets our user in and forbids it a command',
    hint: 'Allow the command that the error names in the ACL of that user.',
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

export type ServerAnswer<T> =
  | { readonly answer: T; readonly cause?: undefined }
  | { readonly answer?: undefined; readonly cause: MillraceError };

/** How a server is entered. */
export interface ServerAccess {
  readonly username?: string;
  readonly password?: string;
  readonly tls?: RedisTls;
}

/** Sends one command. @throws the server's own error */
export type ServerCall = (command: string, ...args: string[]) => Promise<unknown>;

/** How the data servers of a target are entered. */
export function dataAccess({ username, password, tls }: RedisTarget): ServerAccess {
  return { ...(username && { username }), ...(password && { password }), ...(tls && { tls }) };
}

/** How its sentinels are. */
export function sentinelAccess(target: RedisTarget & { readonly topology: 'sentinel' }): ServerAccess {
  const { sentinelUsername: username, sentinelPassword: password, tls } = target;
  return { ...(username && { username }), ...(password && { password }), ...(tls && { tls }) };
}

/** Whether a user's ACL forbids a command: the server was reached, and let us in. */
export const isDenied = (error: unknown): boolean => error instanceof Error && error.message.startsWith('NOPERM');

/** A user may be let in and not be allowed to ping. */
const reached = (call: ServerCall) =>
  call('ping').catch((error: unknown) => {
    if (!isDenied(error)) throw error;
    return undefined;
  });

/** Connects, asks and disconnects: some seconds at most, one attempt. What goes wrong is told as its cause. */
export async function askServer<T = unknown>(
  { host, port }: HostPort,
  { tls, ...credentials }: ServerAccess,
  ask: (call: ServerCall) => Promise<T>,
): Promise<ServerAnswer<T>> {
  const redis = new Redis({ ...probe, ...credentials, ...(tls && { tls: { ...tls } }), host, port });
  // the event carries the reason, the rejection often says only that the connection was closed
  let reason: unknown;
  redis.on('error', (error) => {
    reason ??= error;
  });
  try {
    await redis.connect();
    return { answer: await ask((command, ...args) => redis.call(command, ...args)) };
  } catch (error) {
    return { cause: describe(reason ?? error, `${host}:${port}`) };
  } finally {
    redis.disconnect();
  }
}

/** Whether it can be reached and lets us in. */
export const tryServer = (server: HostPort, access: ServerAccess): Promise<ServerAnswer<unknown>> =>
  askServer(server, access, reached);
