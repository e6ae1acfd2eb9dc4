import { randomBytes } from 'node:crypto';
import { readConfig } from '../../worker/config/config.ts';
import type { RedisTargets } from '../../worker/config/redis-target.ts';
import { dataSettings, type RedisProcess, redisPort, startRedisProcess } from './redis-process.ts';
import type { RedisTls } from './redis-tls.ts';

/** Users beside the default one, as lines of configuration: `redis-acl.ts` makes them. */
export interface RedisUsers {
  /** Lines of redis.conf. */
  readonly data: readonly string[];
  /** Lines of a sentinel's configuration. */
  readonly sentinel: readonly string[];
  /** Lines of redis.conf: how a replica logs in at its master. */
  readonly replicates: readonly string[];
  /** Lines of a sentinel's configuration: how it logs in at the servers that it watches. */
  watches(masterName: string): readonly string[];
}

export interface RedisOptions {
  /** Lines of redis.conf beyond the harness's own, by name; an own one can be overridden. */
  readonly settings?: Readonly<Record<string, string>>;
  /** TLS only, with client certificates. */
  readonly tls?: RedisTls;
  readonly acl?: RedisUsers;
  /** Its data lie on a disk of this size, which is its own. Linux only. */
  readonly diskMib?: number;
}

/** Servers that Millrace can be pointed at. */
export interface RedisServers extends AsyncDisposable {
  /** Dify's variables, as a user would set them for these servers. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the configuration makes of `environment`. */
  readonly targets: RedisTargets;
}

export interface RunningRedis extends RedisServers {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** redis://:password@host:port */
  readonly url: string;
  readonly server: RedisProcess;
  /** SIGTERM: the server writes what it holds and ends. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again after `stop` or `kill`: same port, same password, same data. */
  startAgain(): Promise<void>;
}

/** What the configuration makes of these variables. @throws when it names no Redis. */
export function targetsOf(environment: Readonly<Record<string, string>>): RedisTargets {
  const { redis } = readConfig(environment);
  if (!redis) throw new Error(`expected variables that name a Redis, got ${Object.keys(environment).join(', ')}`);
  return redis;
}

/** A real redis-server as a process on 127.0.0.1, with AOF, a password and a folder of its own that goes when disposed. */
export const redisServer = {
  description: 'redis-server process on a free port',

  async start({ settings = {}, tls, acl, diskMib }: RedisOptions = {}): Promise<RunningRedis> {
    const password = randomBytes(18).toString('hex');
    const port = await redisPort();
    const server = await startRedisProcess({
      kind: 'server',
      port,
      settings: [
        ...(tls?.settings(port) ?? [`port ${port}`]),
        ...dataSettings(password),
        ...(acl?.data ?? []),
        ...Object.entries(settings).map(([name, value]) => `${name} ${value}`),
      ],
      access: { password, ...(tls && { tls: tls.client }) },
      diskMib,
    });
    const environment = {
      REDIS_HOST: server.host,
      REDIS_PORT: String(port),
      REDIS_PASSWORD: password,
      ...tls?.environment,
    };
    return {
      host: server.host,
      port,
      password,
      url: `${tls ? 'rediss' : 'redis'}://:${password}@${server.host}:${port}`,
      server,
      environment,
      targets: targetsOf(environment),
      stop: server.stop,
      kill: server.kill,
      startAgain: server.startAgain,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};
