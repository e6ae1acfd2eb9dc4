/** The connection budget counts what real processes open, and a start is held to it. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../../worker/config/config.ts';
import { queueNames } from '../../../worker/queues.ts';
import { connectionsOfProcess } from '../../../worker/redis/index.ts';
import { type MillraceProcess, startMillrace } from '../../harness/millrace-process.ts';
import { postgresServer, type RunningPostgres, type SuiteDatabase } from '../../harness/postgres.ts';
import { redisServer } from '../../harness/redis.ts';
import type { RedisProcess } from '../../harness/redis-process.ts';
import { sentinelServers } from '../../harness/redis-sentinel.ts';
import { type RunningTopology, startTopology, type TopologyName, topologyNames } from '../../harness/topologies.ts';
import { until } from '../../harness/until.ts';
import { runToEnd } from '../embedded/setup.ts';
import { migrated, on } from './databases.ts';
import { databaseEnvironment, type Environment, storageFolder } from './setup.ts';

const key = 'a-key-for-the-budget';
const settleMs = 30_000;
/** In a cluster longer than maps of slots live (5 s): all that is opened as needed was needed. */
const watchedMs = { standalone: 1000, sentinel: 1000, cluster: 6000 } as const;
const sampleMs = 100;
const callers = 40;

let postgres: RunningPostgres;
let database: SuiteDatabase;
const storage = storageFolder();
beforeAll(async () => {
  postgres = await postgresServer.start({ settings: { max_connections: '40' } });
  database = await migrated(postgres);
});
afterAll(async () => {
  await postgres?.[Symbol.asyncDispose]();
  storage[Symbol.dispose]();
});

const poolMax = 5;
const environment = (servers: { readonly environment: Environment }, more: Environment): Environment => ({
  ...servers.environment,
  ...databaseEnvironment(database),
  SQLALCHEMY_POOL_SIZE: '3',
  SQLALCHEMY_MAX_OVERFLOW: '2',
  CELERY_WORKER_AMOUNT: '1',
  MILLRACE_API_KEY: key,
  ...storage.environment,
  ...more,
});

/** Links of the servers among themselves, which come and go as they please; and the harness's own question. */
const ofServers = / name=sentinel-| flags=[SM] | cmd=(psync|replconf)| cmd=client\|list/;

/** What processes hold open to a server. */
async function clientsOf(server: RedisProcess): Promise<number> {
  const lines = String(await server.call('client', 'list'))
    .split('\n')
    .filter((line) => line.includes(' addr='));
  return lines.filter((line) => !ofServers.test(line)).length;
}

const setupOf = (topology: TopologyName, mode: 'api' | 'worker' | 'beat', queues: number) => ({
  mode,
  queues,
  topology,
  poolMax,
  slots: 1,
  workerClass: 'async' as const,
});

describe.each(topologyNames)('connections to redis, %s', (topology) => {
  let servers: RunningTopology;
  beforeAll(async () => {
    servers = await startTopology(topology);
  });
  afterAll(async () => servers?.[Symbol.asyncDispose]());

  it.each([
    { mode: 'api', queues: undefined },
    { mode: 'worker', queues: undefined },
    { mode: 'worker', queues: 'dataset,mail' },
    // its connections are those of an API but one, so one topology serves
    ...(topology === 'standalone' ? [{ mode: 'beat', queues: undefined } as const] : []),
  ] as const)('should be those that are counted: $mode, queues: $queues', async ({ mode, queues }) => {
    const master = await servers.master();
    const all = [...servers.nodes, ...servers.sentinels];
    const before = new Map(await Promise.all(all.map(async (node) => [node, await clientsOf(node)] as const)));
    const grown = async (node: RedisProcess) => (await clientsOf(node)) - (before.get(node) ?? 0);
    await using _process = await startMillrace(
      environment(servers, { MODE: mode, ...(queues && { CELERY_QUEUES: queues }) }),
    );
    const consumed = mode !== 'worker' ? 0 : (queues?.split(',').length ?? queueNames.length);
    const counted = connectionsOfProcess(setupOf(topology, mode, consumed));
    if (topology !== 'cluster') {
      await until(
        'the master holds as many as are counted',
        settleMs,
        async () => (await grown(master)) === counted.redis,
      );
    }
    let most = 0;
    const watchedUntil = Date.now() + watchedMs[topology];
    while (Date.now() < watchedUntil) {
      for (const extra of await Promise.all(servers.nodes.map(grown))) {
        expect(extra).toBeLessThanOrEqual(counted.redis + counted.redisPassing);
        most = Math.max(most, extra);
      }
      await wait(sampleMs);
    }
    // a count that nobody ever comes near would refuse what fits
    expect(most).toBeGreaterThanOrEqual(Math.floor(counted.redis * (topology === 'cluster' ? 0.5 : 1)));
    for (const sentinel of servers.sentinels) {
      const extra = await grown(sentinel);
      expect(extra).toBeGreaterThanOrEqual(counted.sentinel);
      expect(extra).toBeLessThanOrEqual(counted.sentinel + counted.sentinelPassing);
    }
  });
});

describe('connections to postgres', () => {
  const countOf = (mode: string) =>
    on(database, async (db) => {
      const [row] = await db.query<{ count: number }>(
        'select count(*)::int as count from pg_stat_activity where application_name = $1',
        [`millrace-${mode}`],
      );
      return row?.count ?? 0;
    });

  it('should fill the pool under load and no more', async () => {
    await using redis = await redisServer.start();
    await using millrace = await startMillrace(environment(redis, { MODE: 'api' }));
    const stop = new AbortController();
    const loads = Array.from({ length: callers }, () => load(millrace, stop.signal));
    let most = 0;
    await until('the pool is full', settleMs, async () => {
      most = Math.max(most, await countOf('api'));
      return most >= poolMax;
    });
    for (let n = 0; n < 20; n += 1) most = Math.max(most, await countOf('api'));
    stop.abort();
    await Promise.all(loads);
    expect(most).toBe(connectionsOfProcess(setupOf('standalone', 'api', 0)).postgres);
  });

  it('should open as many more for children that run handlers as are counted', async () => {
    await using redis = await redisServer.start();
    const children = { CELERY_WORKER_CLASS: 'prefork', CELERY_WORKER_AMOUNT: '2', MILLRACE_SAMPLE_TASKS: 'true' };
    await using _worker = await startMillrace(environment(redis, { MODE: 'worker', ...children }));
    await using api = await startMillrace(environment(redis, { MODE: 'api', ...children }));
    const tasks = Array.from({ length: 60 }, (_, n) => ({ task: 'sample_effect', payload: { run: 'budget', n } }));
    const accepted = await fetch(`${api.url}/v1/tasks/batch`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tasks }),
    });
    expect(accepted.status).toBe(202);
    const count = (slots: number) =>
      connectionsOfProcess({ ...setupOf('standalone', 'worker', 18), slots, workerClass: 'prefork' }).postgres;
    const counted = count(2) - count(0);
    let most = 0;
    await until('all effects are there', settleMs, async () => {
      most = Math.max(most, await countOf('host'));
      const done = await on(database, (db) => db.query(`select 1 from sample_effects where run = 'budget'`));
      return done.length === tasks.length;
    });
    // each child has at least the connection that its effects take
    expect(most).toBeGreaterThanOrEqual(2);
    expect(most).toBeLessThanOrEqual(counted);
  });

  async function load({ url }: MillraceProcess, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const response = await fetch(`${url}/v1/queues`, { headers: { authorization: `Bearer ${key}` } });
      await response.arrayBuffer();
    }
  }
});

describe('a start', () => {
  it('should be refused with exit code 78 where Postgres has no room for all', async () => {
    await using redis = await redisServer.start();
    const ended = await runToEnd(environment(redis, { MODE: 'worker', MILLRACE_WORKER_REPLICAS: '4' }));
    expect(ended.code).toBe(78);
    expect(ended.stderr).toMatch(
      /^millrace: connections_too_many: .*\(1 × api \+ 4 × worker\) may open 41 connections/,
    );
    expect(ended.stderr).toMatch(/Postgres at .*, which has room for 37\./);
    expect(ended.stderr).toContain('MILLRACE_WORKER_REPLICAS');
  });

  it('should warn where more than 80 % would be taken', async () => {
    await using redis = await redisServer.start();
    await using millrace = await startMillrace(environment(redis, { MODE: 'worker', MILLRACE_WORKER_REPLICAS: '3' }));
    expect(millrace.log()).toMatch(/"level":40.*"code":"connections_many".*may open 32 connections.*room for 37: 86 %/);
  });

  it('should be refused where Redis, or any server behind the sentinels, has no room', async () => {
    await using redis = await redisServer.start({ settings: { maxclients: '30' } });
    const many = { MODE: 'worker', MILLRACE_WORKER_REPLICAS: '2' };
    const ended = await runToEnd(environment(redis, many));
    expect(ended.code).toBe(78);
    expect(ended.stderr).toMatch(/may open 45 connections to the Redis at 127\.0\.0\.1:\d+, which has room for 30\./);
    await using servers = await sentinelServers.start();
    for (const node of servers.nodes) await node.call('config', 'set', 'maxclients', 40);
    const behind = await runToEnd(environment(servers, many));
    expect(behind.code).toBe(78);
    expect(behind.stderr.match(/to the Redis at/g)).toHaveLength(3);
  });

  it('should say what it cannot see, and go on', async () => {
    await using redis = await redisServer.start();
    await redis.server.call(
      ...(['acl', 'setuser', 'blind', 'on', '>a-password-of-a-worker', '~*', '+@all', '-info', '-config'] as const),
    );
    const blind = { REDIS_USERNAME: 'blind', REDIS_PASSWORD: 'a-password-of-a-worker', MODE: 'worker' };
    await using millrace = await startMillrace(environment(redis, blind));
    expect(millrace.log()).toMatch(/cannot see how many connections the server lets in/);
    expect(millrace.log()).toMatch(/neither INFO nor CONFIG GET/);
  });

  it('should go on while Redis is away: accepting needs Postgres only', async () => {
    await using redis = await redisServer.start();
    await redis.stop();
    await using millrace = await startMillrace(environment(redis, { MODE: 'api' }));
    expect(millrace.url).toBeDefined();
    expect(millrace.log()).toMatch(/cannot see how many connections/);
    await redis.startAgain();
  });
});

it('should take replicas from the configuration, this process always among them', () => {
  const servers = { REDIS_HOST: '127.0.0.1', DB_HOST: '127.0.0.1', DB_PASSWORD: 'x' };
  const replicas = (more: Environment) => readConfig({ ...servers, ...more }).replicas;
  expect(replicas({ MODE: 'worker' })).toEqual({ api: 1, worker: 1, beat: 0, all: 0 });
  expect(replicas({ MODE: 'all' })).toEqual({ api: 0, worker: 0, beat: 0, all: 1 });
  expect(replicas({ MODE: 'all', MILLRACE_WORKER_REPLICAS: '2' })).toEqual({ api: 0, worker: 2, beat: 0, all: 1 });
  expect(replicas({ MODE: 'beat', MILLRACE_API_REPLICAS: '2' })).toEqual({ api: 2, worker: 1, beat: 1, all: 0 });
  expect(replicas({ MODE: 'api', MILLRACE_BEAT_REPLICAS: '2' })).toEqual({ api: 1, worker: 1, beat: 2, all: 0 });
  expect(replicas({ MODE: 'worker', MILLRACE_WORKER_REPLICAS: '0', MILLRACE_API_REPLICAS: '0' })).toEqual({
    api: 0,
    worker: 1,
    beat: 0,
    all: 0,
  });
});
