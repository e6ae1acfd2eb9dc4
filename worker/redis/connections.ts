/**
 * The one place where Redis connections are made, for every topology and role. The options were measured against killed,
 * frozen and cut-off servers; each carries what it is for. See docs/decisions/0004-redis-connection-options.md.
 */
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { HostPort, RedisTarget, RedisTls } from '../config/redis-target.ts';
import type { Logger } from '../telemetry/logger.ts';
import { connectionCause } from './cause.ts';
import { writeOnceATurn } from './one-write.ts';
import { sentinelConnector } from './sentinel-connector.ts';

export type RedisConnection = Redis | Cluster;

/** `producer` fails fast, so that a caller hears within seconds; `consumer` waits for Redis to come back. */
export type RedisUse = 'producer' | 'consumer';

const backoff = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2000);
/** Answers of a server that is no longer, or not yet, fit to serve: drop the connection and find the one that is. */
const unfit = /^(READONLY|NOREPLICAS|LOADING|MASTERDOWN|UNBLOCKED)/;

const common = {
  connectTimeout: 3000,
  keepAlive: 10_000,
  // capped: the default backs off until a worker is 18 s late after an outage of 20 s
  retryStrategy: backoff,
  reconnectOnError: (error: Error) => (unfit.test(error.message) ? (1 as const) : false),
} satisfies RedisOptions;

const uses = {
  // socketTimeout alone notices a half-open link; commandTimeout bounds what the caller waits for
  producer: { maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: 2000, socketTimeout: 3000 },
  // null: BullMQ's blocking calls wait for Redis to return. socketTimeout stands above the longest block (5 s)
  consumer: { maxRetriesPerRequest: null, socketTimeout: 9000 },
} as const satisfies Record<RedisUse, RedisOptions>;

const clusterUses = {
  producer: { maxRetriesPerRequest: 1, commandTimeout: 2000, socketTimeout: 3000 },
  consumer: { maxRetriesPerRequest: null, socketTimeout: 9000 },
} as const;

const sentinelOptions = {
  // without these a frozen master is not left, or never found again (default 60 s, blind detector)
  failoverDetector: true,
  sentinelReconnectStrategy: () => 2000,
  sentinelRetryStrategy: (attempt: number) => Math.min(attempt * 100, 1000),
  sentinelMaxConnections: 10,
} satisfies RedisOptions;

const clusterOptions = {
  clusterRetryStrategy: (attempt: number) => Math.min(100 * attempt, 2000),
  slotsRefreshTimeout: 2000,
  // a frozen owner is found out by refreshing the map, not by its answer
  slotsRefreshInterval: 5000,
  retryDelayOnFailover: 200,
  // a slot held half-moved bounces: the default of 16 lets adds fail
  maxRedirections: 100,
} satisfies ClusterOptions;

/** By default a cluster connects to the addresses of its names, and a certificate holds the names. */
const keepNames = {
  dnsLookup: (name: string, found: (error: null, address: string) => void) => found(null, name),
} satisfies ClusterOptions;

const credentials = (target: RedisTarget) => ({
  ...(target.username === undefined ? {} : { username: target.username }),
  ...(target.password === undefined ? {} : { password: target.password }),
  ...(target.tls === undefined ? {} : { tls: { ...target.tls } }),
});

/** TLS to the master through sentinels needs all three, or the data link has none. */
const sentinelTls = (tls: RedisTls | undefined) =>
  tls === undefined ? {} : { tls: { ...tls }, sentinelTLS: { ...tls }, enableTLSForSentinelMode: true };

/**
 * How long a sentinel may take to answer: without a bound a frozen one is waited for, for ever. The TLS handshake counts as a part of the
 * first command: within 1 s a sentinel on a busy machine does not finish those of all clients, who give up and begin anew, for ever.
 * The 0.1 s of Dify's environment would be too short in the same way, so that only more than our own is heeded.
 */
const sentinelTimeoutMs = ({ tls, sentinelTimeoutMs: asked = 0 }: RedisTarget & { readonly topology: 'sentinel' }) =>
  Math.max(tls === undefined ? 1000 : 3000, asked);

/** A connection, opened in the background. The caller closes it (`quit`, or `disconnect`). */
export function connectRedis(target: RedisTarget, use: RedisUse, log: Logger): RedisConnection {
  const connection = open(target, use, log);
  writeOnceATurn(connection);
  // Without a listener Node ends the process; an outage emits hundreds a second, so one line a second is logged.
  const explain = rateLimited(causeIntervalMs, async () => {
    const cause = await connectionCause(target);
    if (cause && !isEnding(connection)) log.warn({ err: cause, hint: cause.hint, use }, 'why redis cannot be reached');
  });
  connection.on(
    'error',
    rateLimited(1000, (error: Error) => {
      if (isEnding(connection)) return;
      log.warn({ err: error, use }, 'redis connection error');
      if (opaque.test(error.message)) void explain();
    }),
  );
  return connection;
}

/** Errors that do not say what is wrong: the library met the reason and kept it. */
const opaque = /^(All sentinels are unreachable|Failed to refresh slots cache)|ECONNRESET|ETIMEDOUT|before secure TLS/;
/** The servers are asked for the reason at most so often. */
const causeIntervalMs = 10_000;
/** Also one that was told to end while it was being opened: it says so by a mark of its own, and by no state. */
const isEnding = (connection: RedisConnection) =>
  connection.status === 'end' ||
  connection.status === 'disconnecting' ||
  Reflect.get(connection, 'manuallyClosing') === true;

function open(target: RedisTarget, use: RedisUse, log: Logger): RedisConnection {
  const options = { ...common, ...uses[use], ...credentials(target) };
  switch (target.topology) {
    case 'standalone':
      return new Redis({ ...options, host: target.host, port: target.port, db: target.db });
    case 'sentinel':
      return new Redis({
        ...options,
        ...sentinelOptions,
        ...sentinelTls(target.tls),
        sentinelCommandTimeout: sentinelTimeoutMs(target),
        // debug: what keeps the connection itself from working is told by its own errors
        Connector: sentinelConnector(
          rateLimited(1000, (error: Error) => log.debug({ err: error, use }, 'redis sentinel error')),
        ),
        db: target.db,
        name: target.masterName,
        sentinels: target.sentinels.map((sentinel) => ({ ...sentinel })),
        ...(target.sentinelUsername === undefined ? {} : { sentinelUsername: target.sentinelUsername }),
        ...(target.sentinelPassword === undefined ? {} : { sentinelPassword: target.sentinelPassword }),
      });
    case 'cluster': {
      const { retryStrategy: _ofOneServer, ...nodeOptions } = {
        ...common,
        ...clusterUses[use],
        ...credentials(target),
      };
      return new Cluster(
        target.nodes.map((node) => ({ ...node })),
        {
          ...clusterOptions,
          // only at the top level does a cluster heed it
          enableOfflineQueue: use === 'consumer',
          ...(target.tls === undefined ? {} : keepNames),
          redisOptions: nodeOptions,
        },
      );
    }
  }
}

/** Calls through at most once in `intervalMs`; what comes in between is dropped. */
function rateLimited<A extends unknown[]>(intervalMs: number, call: (...args: A) => void): (...args: A) => void {
  let nextAt = 0;
  return (...args) => {
    const now = Date.now();
    if (now < nextAt) return;
    nextAt = now + intervalMs;
    call(...args);
  };
}

/** How a target is named in logs and messages: never with its password. */
export function describeTarget(target: RedisTarget): string {
  const at = (nodes: readonly HostPort[]) => nodes.map(({ host, port }) => `${host}:${port}`).join(',');
  switch (target.topology) {
    case 'standalone':
      return `redis ${target.host}:${target.port}/${target.db}`;
    case 'sentinel':
      return `redis ${target.masterName}/${target.db} by sentinels ${at(target.sentinels)}`;
    case 'cluster':
      return `redis cluster ${at(target.nodes)}`;
  }
}
