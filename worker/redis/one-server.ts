/** One Redis server, reached alone and for a moment: by its own address, past sentinels and the map of a cluster. */
import { once } from 'node:events';
import { connect } from 'node:net';
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

/** A refusal comes with the connection. */
const doorMs = 300;

interface Kind {
  readonly code: string;
  readonly pattern: RegExp;
  readonly what: string;
  readonly hint: string;
}

const notSpeaking = 'redis_not_speaking';

/** By the error's code and message; the first that fits. */
const kinds: readonly Kind[] = [
  {
    code: 'redis_credentials_refused',
    pattern: /WRONGPASS|NOAUTH|without any password configured/,
    what: 'refuses the user name or password',
    hint: 'Check REDIS_USERNAME and REDIS_PASSWORD, REDIS_SENTINEL_PASSWORD or REDIS_CLUSTERS_PASSWORD, or those in CELERY_BROKER_URL.',
  },
  {
    code: 'redis_full',
    pattern: /max number of clients reached/,
    what: 'has no connection left',
    hint: 'Raise maxclients there, or find out who holds its connections (CLIENT LIST).',
  },
  {
    code: 'redis_loading',
    pattern: /\bLOADING\b/,
    what: 'is loading its data',
    hint: 'Wait for it to finish.',
  },
  {
    code: 'redis_no_cluster',
    pattern: /cluster support disabled/,
    what: 'is no node of a cluster',
    hint: 'Unset REDIS_USE_CLUSTERS and name it in REDIS_HOST, or name nodes of a cluster in REDIS_CLUSTERS.',
  },
  {
    code: 'redis_no_sentinel',
    pattern: /unknown command '?`?sentinel/i,
    what: 'is no sentinel',
    hint: 'Name the sentinels (port 26379 by default) in REDIS_SENTINELS or the sentinel:// URL, not the servers that they watch.',
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
    code: notSpeaking,
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

/** Whether a server keeps a command from us: by an ACL, or by knowing none of that name, as managed ones do with CONFIG. */
export const isHidden = (error: unknown): boolean =>
  isDenied(error) || (error instanceof Error && /^ERR unknown (sub)?command/i.test(error.message));

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
    const at = `${host}:${port}`;
    const cause = describe(reason ?? error, at);
    if (tls || cause.code !== notSpeaking) return { cause };
    const refusal = await refusalAtTheDoor({ host, port });
    return { cause: refusal ? describe(refusal, at) : cause };
  } finally {
    redis.disconnect();
  }
}

/**
 * What a server says before it is asked anything: one that is full gives its reason and hangs up at once, and whoever is
 * sending just then hears of the hanging up only. Undefined when it says nothing.
 */
async function refusalAtTheDoor({ host, port }: HostPort): Promise<Error | undefined> {
  const socket = connect({ host, port });
  try {
    const [said] = await once(socket, 'data', { signal: AbortSignal.timeout(doorMs) });
    return /^-(ERR .*)/.test(String(said)) ? new Error(String(said).slice(1).trim()) : undefined;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

/** Whether it can be reached and lets us in. */
export const tryServer = (server: HostPort, access: ServerAccess): Promise<ServerAnswer<unknown>> =>
  askServer(server, access, reached);
