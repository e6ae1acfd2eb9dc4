/** Connections on every topology, plain and with TLS and client certificates, from the variables that a user sets. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { queuePrefix } from '../../../worker/queues.ts';
import {
  connectionCause,
  connectRedis,
  queueSettings,
  type RedisConnection,
  type RedisUse,
} from '../../../worker/redis/index.ts';
import { startProxy } from '../../harness/proxy.ts';
import { targetsOf } from '../../harness/redis.ts';
import { clusterServers } from '../../harness/redis-cluster.ts';
import { masterName } from '../../harness/redis-sentinel.ts';
import { createTls, type RedisTls } from '../../harness/redis-tls.ts';
import { fastTasksKey, type RunningTopology, startTopology, topologyNames } from '../../harness/topologies.ts';
import { until } from '../../harness/until.ts';

const readyTimeoutMs = 10_000;
/** A caller of an add hears within: the command timeout, and a bit. */
const refusalMs = 3000;
const backMs = 30_000;
const queue = 'fast_tasks' as const;

/** Disconnected when the test ends. */
interface Held extends Disposable {
  readonly redis: RedisConnection;
  /** What was logged, message and code of the error. */
  readonly logged: { msg: string; err?: { code?: string; message: string } }[];
}

function open(environment: Readonly<Record<string, string>>, use: RedisUse, role: 'broker' | 'cache' = 'broker'): Held {
  const logged: Held['logged'] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const redis = connectRedis(targetsOf(environment)[role], use, log);
  return { redis, logged, [Symbol.dispose]: () => redis.disconnect() };
}

const ready = async ({ redis }: Held) => {
  if (redis.status !== 'ready') await once(redis, 'ready', { signal: AbortSignal.timeout(readyTimeoutMs) });
  return redis;
};

const producing = (redis: RedisConnection) => {
  const made = new Queue(queue, {
    connection: redis,
    prefix: queuePrefix(queue),
    ...queueSettings,
  });
  made.on('error', () => undefined);
  return made;
};

const kinds = topologyNames.flatMap((topology) => [
  { topology, secure: false, title: `${topology}, plain` },
  { topology, secure: true, title: `${topology}, TLS with client certificates` },
]);

describe.each(kinds)('connections to $title', ({ topology, secure }) => {
  let tls: RedisTls | undefined;
  let servers: RunningTopology;

  beforeAll(async () => {
    tls = secure ? createTls() : undefined;
    servers = await startTopology(topology, tls);
  });
  afterAll(async () => {
    await servers[Symbol.asyncDispose]();
    tls?.[Symbol.dispose]();
  });

  /** Variables of this topology with some of them wrong. */
  const causeOf = (wrong: Readonly<Record<string, string>>) =>
    connectionCause(targetsOf({ ...servers.environment, ...wrong }).broker);

  it.each(['producer', 'consumer'] as const)('should write and read as %s', async (use) => {
    using held = open(servers.environment, use);
    const redis = await ready(held);
    expect(await redis.set(`${fastTasksKey}:probe`, use)).toBe('OK');
    expect(await redis.get(`${fastTasksKey}:probe`)).toBe(use);
    expect(held.logged).toEqual([]);
    expect(await causeOf({})).toBeUndefined();
  });

  it('should send the commands of one turn of the event loop together', async () => {
    using held = open(servers.environment, 'consumer');
    const redis = await ready(held);
    await redis.set(`${fastTasksKey}:turn`, 'slot known');
    const master = await servers.master();
    const reads = async () =>
      Number(/total_reads_processed:(\d+)/.exec(String(await master.call('info', 'stats')))?.[1]);
    const before = await reads();
    const answers = Array.from({ length: 200 }, (_, n) => redis.append(`${fastTasksKey}:appended`, `${n} `));
    expect((await Promise.all(answers)).at(-1)).toBe(Array.from({ length: 200 }, (_, n) => `${n} `).join('').length);
    // the questions of this test, a replica's and a sentinel's are among them
    expect((await reads()) - before).toBeLessThan(50);
  });

  it('should keep the broker apart from the cache where there are databases', async () => {
    using broker = open(servers.environment, 'producer');
    using cache = open(servers.environment, 'producer', 'cache');
    await (await ready(broker)).set(`${fastTasksKey}:apart`, 'broker');
    expect(await (await ready(cache)).get(`${fastTasksKey}:apart`)).toBe(topology === 'cluster' ? 'broker' : null);
  });

  it('should refuse an add within seconds while redis is down, and work again by itself', async () => {
    using held = open(servers.environment, 'producer');
    await using made = closing(producing(await ready(held)));
    await made.queue.add('probe', {});
    await servers.stop();
    for (let n = 0; n < 3; n += 1) {
      const startedAt = Date.now();
      await expect(made.queue.add('probe', {})).rejects.toThrow();
      expect(Date.now() - startedAt).toBeLessThan(refusalMs);
    }
    await servers.startAgain();
    await until('an add is taken again', backMs, async () => Boolean(await made.queue.add('probe', {})));
  });

  it('should let a consumer wait through an outage and go on by itself', async () => {
    using held = open(servers.environment, 'consumer');
    const redis = await ready(held);
    const key = `${fastTasksKey}:waited`;
    await redis.set(key, 'kept');
    await servers.stop();
    // a read: of a write a master that has just started may say that its replicas are not there yet
    const read = redis.get(key);
    await servers.startAgain();
    expect(await read).toBe('kept');
    expect(await redis.set(key, 'new')).toBe('OK');
  });

  it('should refuse adds and then find the one that serves when the master hangs', async () => {
    using held = open(servers.environment, 'producer');
    await using made = closing(producing(await ready(held)));
    const master = await servers.master();
    master.freeze();
    try {
      const startedAt = Date.now();
      await expect(made.queue.add('probe', {})).rejects.toThrow();
      expect(Date.now() - startedAt).toBeLessThan(refusalMs);
      if (topology === 'standalone') master.thaw();
      await until('an add is taken again', backMs, async () => Boolean(await made.queue.add('probe', {})));
    } finally {
      master.thaw();
    }
  });

  it('should name a wrong password as the cause', async () => {
    const wrong = { REDIS_PASSWORD: 'wrong', REDIS_CLUSTERS_PASSWORD: 'wrong' };
    expect(await causeOf(wrong)).toMatchObject({ code: 'redis_credentials_refused' });
    using held = open({ ...servers.environment, ...wrong }, 'producer');
    await until('the log says it', readyTimeoutMs, async () => JSON.stringify(held.logged).includes('WRONGPASS'));
  });

  it('should say what is wrong with a password in the log and nowhere else', async () => {
    const wrong = { REDIS_PASSWORD: 'wrong', REDIS_CLUSTERS_PASSWORD: 'wrong' };
    const environment = { ...servers.environment, ...wrong };
    const said = await outputOf(environment);
    expect(said.elsewhere).toBe('');
    expect(said.log).toContain('WRONGPASS');
  });

  if (secure)
    it('should name a certificate of an unknown CA as the cause', async () => {
      const wrong = { REDIS_SSL_CA_CERTS: tls?.foreignCaFile ?? '' };
      expect(await causeOf(wrong)).toMatchObject({ code: 'redis_certificate_untrusted' });
      using held = open({ ...servers.environment, ...wrong }, 'producer');
      await until('the log says it', readyTimeoutMs, async () => JSON.stringify(held.logged).includes('self-signed'));
    });

  if (secure)
    it('should name a missing client certificate, and TLS that is not spoken, as the cause', async () => {
      const bare = await causeOf({ REDIS_SSL_CERTFILE: '', REDIS_SSL_KEYFILE: '' });
      expect(['redis_client_certificate', 'redis_not_speaking']).toContain(bare?.code);
      expect(bare?.hint).toContain('REDIS_SSL_CERTFILE');
      expect(await causeOf({ REDIS_USE_SSL: 'false' })).toMatchObject({ code: 'redis_not_speaking' });
    });

  if (topology === 'sentinel')
    it.each([
      ...(secure ? [{ title: 'takes over a second to shake hands', delayMs: 400 }] : []),
      { title: 'is slower than the time-out of Dify, which is less than ours', delayMs: 150, timeout: '0.1' },
      { title: 'is slower than ours, within the time-out that is asked for', delayMs: 700, timeout: '5' },
    ])('should find the master where a sentinel $title', async ({ delayMs, timeout }) => {
      await using stack = new AsyncDisposableStack();
      const proxies: string[] = [];
      for (const sentinel of (servers.environment.REDIS_SENTINELS ?? '').split(',')) {
        const proxy = stack.use(await startProxy({ port: Number(sentinel.split(':')[1]) }));
        // there and back, twice with a handshake, as with a processor that many share
        proxy.slow({ delayMs, jitterMs: 0, lateShare: 0, lateMs: 0, random: () => 0 });
        proxies.push(`${proxy.host}:${proxy.port}`);
      }
      const asked = timeout === undefined ? {} : { REDIS_SENTINEL_SOCKET_TIMEOUT: timeout };
      using held = open({ ...servers.environment, ...asked, REDIS_SENTINELS: proxies.join(',') }, 'producer');
      expect(await (await ready(held)).set(`${fastTasksKey}:slow`, 'found')).toBe('OK');
    });

  if (topology === 'sentinel')
    it('should say in the log and nowhere else that a sentinel is down', async () => {
      const sentinels = `${servers.environment.REDIS_SENTINELS},127.0.0.1:${await unusedPort()}`;
      const printed = vi.spyOn(console, 'error');
      using held = open({ ...servers.environment, REDIS_SENTINELS: sentinels }, 'producer');
      await ready(held);
      const said = () => held.logged.some(({ msg }) => msg === 'redis sentinel error');
      await until('the log says it', readyTimeoutMs, async () => said());
      expect(printed.mock.calls).toEqual([]);
      printed.mockRestore();
    });

  if (topology === 'sentinel')
    it('should name a wrong sentinel password and an unknown master as the cause', async () => {
      const wrong = { REDIS_SENTINEL_PASSWORD: 'wrong' };
      expect(await causeOf(wrong)).toMatchObject({ code: 'redis_credentials_refused' });
      const unknown = { REDIS_SENTINEL_SERVICE_NAME: 'nobody' };
      expect(await causeOf(unknown)).toMatchObject({ code: 'redis_master_unknown' });
      using held = open({ ...servers.environment, ...unknown }, 'producer');
      const said = () => held.logged.some(({ err }) => err?.code === 'redis_master_unknown');
      await until('the log says it', readyTimeoutMs, async () => said());
    });

  if (topology !== 'cluster')
    it('should take the broker from a URL', async () => {
      const { target, url } = brokerUrl(servers);
      using held = open({ ...servers.environment, ...url }, 'producer');
      expect(targetsOf({ ...servers.environment, ...url }).broker).toEqual(target);
      expect(await (await ready(held)).set(`${fastTasksKey}:probe`, 'url')).toBe('OK');
    });

  it('should name as the cause that nothing runs there', async () => {
    await servers.stop();
    const cause = await causeOf({});
    await servers.startAgain();
    expect(cause).toMatchObject({ code: 'redis_unreachable' });
    expect(cause?.message).toContain('127.0.0.1:');
  });
});

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  // a server that listens on TCP has such an address
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const tries = 5;

/** A process of its own with a connection that is tried some times: what it logged, and what else it printed. */
async function outputOf(environment: Readonly<Record<string, string>>) {
  const script = fileURLToPath(new URL('./connect-in-vain.ts', import.meta.url));
  const child = spawn(process.execPath, [script, String(tries)], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: backMs,
  });
  const [log, elsewhere] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { log, elsewhere };
}

/** Celery's variables for the same broker. */
function brokerUrl(servers: RunningTopology) {
  const { broker: target } = servers.targets;
  const { environment } = servers;
  const scheme = environment.REDIS_USE_SSL ? 'rediss' : 'redis';
  if (target.topology === 'standalone') {
    const url = `${scheme}://:${environment.REDIS_PASSWORD}@${target.host}:${target.port}/1`;
    return { target, url: { CELERY_BROKER_URL: url } };
  }
  if (target.topology === 'cluster') throw new Error('a broker URL names no cluster');
  const urls = target.sentinels.map(({ host, port }) => `sentinel://:${environment.REDIS_PASSWORD}@${host}:${port}/1`);
  return {
    target,
    url: {
      CELERY_BROKER_URL: urls.join(';'),
      CELERY_USE_SENTINEL: 'true',
      CELERY_SENTINEL_MASTER_NAME: masterName,
      CELERY_SENTINEL_PASSWORD: environment.REDIS_SENTINEL_PASSWORD ?? '',
    },
  };
}

/** `Queue.close` waits for commands under way; a queue is closed before its connection. */
const closing = (made: Queue) => ({ queue: made, [Symbol.asyncDispose]: () => made.close() });

it('should reach a cluster whose certificates hold names and no addresses', async () => {
  using tls = createTls(['DNS:localhost']);
  await using cluster = await clusterServers.start({ tls, hostname: 'localhost' });
  using held = open(cluster.environment, 'producer');
  expect(await (await ready(held)).set('name', 'kept')).toBe('OK');
  const byAddress = cluster.environment.REDIS_CLUSTERS?.replaceAll('localhost', '127.0.0.1') ?? '';
  expect(await connectionCause(targetsOf({ ...cluster.environment, REDIS_CLUSTERS: byAddress }).broker)).toMatchObject({
    code: 'redis_certificate_name',
  });
});
