import { describe, expect, it } from 'vitest';
import { readConfig } from '../config/config.ts';
import { queueNames, queuesOfPool } from '../queues.ts';
import { budgetOf, judgeBudget } from './budget.ts';
import { parseNodes } from './checks/cluster.ts';
import { judgeClock } from './clock.ts';
import { type ConsumerFacts, consumersTold, judgeConsumers } from './consumers.ts';
import type { PostgresFacts } from './postgres-facts.ts';
import { judgePostgres } from './postgres-findings.ts';
import { parseInfo, type RedisFacts } from './redis-facts.ts';
import { judgeRedis, redisSummary } from './redis-findings.ts';
import { bytesText } from './units.ts';

const redis: RedisFacts = {
  role: 'master',
  version: '7.0.15',
  mode: 'standalone',
  loading: false,
  aof: true,
  aofWritesOk: true,
  fsync: 'everysec',
  snapshots: '',
  snapshotOk: true,
  stopsOnSnapshotError: true,
  lastSave: new Date(0),
  eviction: 'noeviction',
  maxMemoryBytes: 0,
  usedMemoryBytes: 1000,
  replicas: 0,
  goodReplicas: undefined,
  minReplicas: 0,
  minReplicasMaxLagSeconds: 10,
  masterLink: undefined,
  clients: 3,
  maxClients: 10_000,
  clock: { differenceMs: 0, uncertainMs: 1 },
  unseen: [],
};
const codesOf = (more: Partial<RedisFacts>, topology: 'standalone' | 'sentinel' | 'cluster' = 'standalone') =>
  judgeRedis('here:1', { ...redis, ...more }, topology).map(({ level, code }) => `${level} ${code}`);

describe('a Redis server', () => {
  it('should be without findings as it should be', () => {
    expect(codesOf({})).toEqual([]);
  });

  it.each([
    [{ version: '4.0.9' }, 'fault redis_too_old'],
    [{ version: '6.0.16' }, 'warning redis_old'],
    [{ loading: true }, 'fault redis_loading'],
    [{ mode: 'cluster' }, 'fault redis_is_cluster_node'],
    [{ mode: 'sentinel', version: '4.0.0', aof: false }, 'fault redis_is_sentinel'],
    [{ aofWritesOk: false }, 'fault redis_aof_failing'],
    [{ snapshotOk: false }, 'fault redis_snapshot_failing'],
    [{ snapshotOk: false, stopsOnSnapshotError: false }, 'warning redis_snapshot_failing'],
    [{ eviction: 'volatile-lru' }, 'fault redis_eviction'],
    [{ maxMemoryBytes: 1000 }, 'fault redis_memory_full'],
    [{ maxMemoryBytes: 1200 }, 'warning redis_memory_short'],
    [{ clock: { differenceMs: -1500, uncertainMs: 2 } }, 'warning clocks_apart'],
  ] satisfies [Partial<RedisFacts>, string][])('should be judged by what it says: %o', (more, expected) => {
    expect(codesOf(more)).toEqual([expected]);
  });

  it('should be free to use much of a limit that is far', () => {
    expect(codesOf({ maxMemoryBytes: 2000 })).toEqual([]);
  });

  it('should have replicas behind sentinels and in a cluster only', () => {
    expect(codesOf({}, 'cluster')).toEqual(['warning redis_no_replica']);
    expect(codesOf({ replicas: 1 }, 'sentinel')).toEqual(['warning redis_cut_off_master']);
    expect(codesOf({ replicas: 1, minReplicas: 1, goodReplicas: 1, minReplicasMaxLagSeconds: 3 }, 'sentinel')).toEqual(
      [],
    );
    expect(codesOf({ role: 'slave', masterLink: 'down' }, 'sentinel')).toEqual(['warning redis_replica_behind']);
  });

  it('should not be blamed for what could not be seen', () => {
    const blind = Object.fromEntries(Object.keys(redis).map((name) => [name, undefined]));
    const facts = { ...blind, loading: false, unseen: [] } as unknown as RedisFacts;
    for (const topology of ['standalone', 'sentinel', 'cluster'] as const)
      expect(judgeRedis('here:1', facts, topology)).toEqual([]);
    expect(redisSummary(facts)).toBe('answers');
  });
});

const postgres: PostgresFacts = {
  version: '17.2',
  versionNumber: 170_002,
  standby: false,
  fsync: 'on',
  synchronousCommit: 'on',
  fullPageWrites: 'on',
  maxConnections: 100,
  reservedConnections: 3,
  roleConnections: undefined,
  connections: 5,
  pgvector: '0.8.0',
  pgvectorAvailable: '0.8.0',
  mayCreate: true,
  migrations: { wanted: 2, missing: [], changed: [], foreign: [] },
  clock: { differenceMs: 0, uncertainMs: 1 },
};

it.each([
  [{}, []],
  [{ standby: true }, ['fault postgres_standby']],
  [{ versionNumber: 160_004 }, ['warning postgres_old']],
  [{ synchronousCommit: 'remote_apply' }, []],
  [{ synchronousCommit: 'off' }, ['fault postgres_async_commit']],
  [{ connections: 95 }, ['warning postgres_busy']],
  [{ pgvector: undefined, pgvectorAvailable: undefined }, ['fault pgvector_missing']],
  [{ clock: { differenceMs: 61_000, uncertainMs: 1 } }, ['warning clocks_apart']],
] satisfies [Partial<PostgresFacts>, string[]][])(
  'a Postgres should be judged by what it says: %o',
  (more, expected) => {
    const findings = judgePostgres('here:1', { ...postgres, ...more }, true);
    expect(findings.map(({ level, code }) => `${level} ${code}`)).toEqual(expected);
  },
);

describe('clocks', () => {
  it('should be apart only by more than the answer took', () => {
    expect(judgeClock('it', { differenceMs: 1500, uncertainMs: 600 })).toEqual([]);
    expect(judgeClock('it', { differenceMs: 1500, uncertainMs: 100 })[0]?.message).toContain('1.5 s ahead of');
    expect(judgeClock('it', { differenceMs: -3000, uncertainMs: 0 })[0]?.message).toContain('3.0 s behind');
  });
});

describe('the connection budget', () => {
  const config = readConfig({
    MODE: 'worker',
    REDIS_HOST: 'r',
    DB_HOST: 'd',
    DB_PASSWORD: 'x',
    CELERY_QUEUES: 'mail,dataset',
    SQLALCHEMY_POOL_SIZE: '4',
    SQLALCHEMY_MAX_OVERFLOW: '0',
    MILLRACE_WORKER_REPLICAS: '3',
    MILLRACE_API_REPLICAS: '2',
  });

  it('should multiply what a process opens by its replicas', () => {
    // four slots: as many children for suspects, three connections each, and the watchdog's
    const ofPostgres = 3 * (4 + 4 * 3 + 1) + 2 * 4;
    expect(budgetOf(config, 'standalone')).toMatchObject({
      redis: 3 * (3 + 2) + 2 * 3,
      sentinel: 0,
      postgres: ofPostgres,
    });
    expect(budgetOf(config, 'sentinel')).toMatchObject({ redis: 21, sentinel: 42, postgres: ofPostgres });
    expect(budgetOf(config, 'cluster')).toMatchObject({ redis: 42, sentinel: 0, postgres: ofPostgres });
    expect(budgetOf(config, undefined)).toMatchObject({ redis: 0, sentinel: 0, postgres: ofPostgres });
  });

  it.each([
    ['async', 10 + 4 * 3 + 1],
    ['solo', 10 + 1 * 3 + 1],
    ['threads', 10 + (6 + 4) * 3 + 1],
    ['prefork', 10 + 6 * 3 + 1],
  ])('should count the threads and children that run handlers: %s', (workerClass, expected) => {
    const one = readConfig({
      ...{ MODE: 'worker', REDIS_HOST: 'r', DB_HOST: 'd', DB_PASSWORD: 'x', MILLRACE_API_REPLICAS: '0' },
      ...{ SQLALCHEMY_POOL_SIZE: '10', SQLALCHEMY_MAX_OVERFLOW: '0', CELERY_WORKER_AMOUNT: '6' },
      CELERY_WORKER_CLASS: workerClass,
    });
    expect(budgetOf(one, 'standalone').postgres).toBe(expected);
  });

  it('should count beats where there are any', () => {
    const beat = readConfig({
      ...{ MODE: 'beat', REDIS_HOST: 'r', DB_HOST: 'd', DB_PASSWORD: 'x', MILLRACE_BEAT_REPLICAS: '2' },
      ...{ SQLALCHEMY_POOL_SIZE: '5', SQLALCHEMY_MAX_OVERFLOW: '0' },
      ...{ MILLRACE_API_REPLICAS: '0', MILLRACE_WORKER_REPLICAS: '0' },
    });
    expect(budgetOf(beat, 'standalone')).toMatchObject({ redis: 2 * 2, postgres: 2 * 5 });
  });

  it('should take processes of other modes to consume all queues', () => {
    const api = readConfig({ MODE: 'api', REDIS_HOST: 'r', DB_HOST: 'd', DB_PASSWORD: 'x', CELERY_QUEUES: 'mail' });
    expect(budgetOf(api, 'standalone').redis).toBe(3 + 21);
  });

  it.each([
    [25, []],
    [24, ['connections_many']],
    [20, ['connections_many']],
    [19, ['connections_too_many']],
    [0, ['connections_too_many']],
    [undefined, []],
  ])('should warn above 80 %% and refuse above the limit: %s', (limit, expected) => {
    const line = { kind: 'postgres', server: 'd:5432', needed: 20, limit } as const;
    expect(judgeBudget([line], budgetOf(config, 'standalone')).map(({ code }) => code)).toEqual(expected);
  });
});

it('should read INFO and CLUSTER NODES as servers write them', () => {
  expect(parseInfo('# Server\r\nredis_version:7.0.15\r\n\r\nsave:\r\n').get('redis_version')).toBe('7.0.15');
  const nodes = parseNodes(
    [
      'aa 10.0.0.1:7000@17000,node-a master - 0 1 1 connected 0-5460 5462 [5461->-bb]',
      'bb 10.0.0.2:7000@17000,,shard-id=5 myself,slave aa 0 1 1 connected',
      'cc 2001:db8::1:7000@17000 master,fail - 1 1 3 disconnected',
      'dd :0@0 master,noaddr - 1 1 3 disconnected',
      '',
    ].join('\n'),
  );
  expect(nodes).toEqual([
    expect.objectContaining({ host: '10.0.0.1', port: 7000, hostname: 'node-a', slots: 5462, masterId: undefined }),
    expect.objectContaining({ hostname: undefined, flags: ['myself', 'slave'], masterId: 'aa', slots: 0 }),
    expect.objectContaining({ host: '2001:db8::1', port: 7000, flags: ['master', 'fail'] }),
    expect.objectContaining({ host: '', port: 0, flags: ['master', 'noaddr'] }),
  ]);
});

it('should write sizes as people read them', () => {
  expect([0, 1023, 1536, 1024 ** 3, 200 * 1024 ** 2].map(bytesText)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '1.0 GiB',
    '200 MiB',
  ]);
});

describe('the consumers of queues', () => {
  const all: ConsumerFacts = { liveWorkers: 4, untaken: [], waiting: queueNames };
  const ingest = queuesOfPool('ingest');

  it('should be without findings when each queue has one, and while nobody works and nothing waits', () => {
    expect(judgeConsumers(all)).toEqual([]);
    expect(judgeConsumers({ liveWorkers: 0, untaken: queueNames, waiting: [] })).toEqual([]);
  });

  it('should be a fault where tasks wait, else a warning, and name the pool to start', () => {
    expect(judgeConsumers({ ...all, untaken: ingest, waiting: ['dataset', 'mail'] })).toEqual([
      {
        level: 'fault',
        code: 'queues_stuck',
        message: 'No live worker takes from the queue dataset, and tasks wait there.',
        mend: 'Start a worker of the pool ingest (MILLRACE_POOL), one whose CELERY_QUEUES names them, or one with neither, which takes from all queues.',
      },
      {
        level: 'warning',
        code: 'queues_untaken',
        message: 'No live worker takes from the queue pipeline: a task that is sent there waits for one.',
        mend: expect.stringContaining('MILLRACE_POOL'),
      },
    ]);
    expect(judgeConsumers({ liveWorkers: 0, untaken: queueNames, waiting: ['mail', 'retention'] })).toMatchObject([
      { code: 'queues_stuck', mend: expect.stringContaining('pools interactive, background') },
    ]);
  });

  it('should name the pools that nobody is of', () => {
    expect(consumersTold({ ...all, untaken: [...ingest, 'mail'] })).toMatchObject({
      found: '4 live workers take from 15 of 18 queues',
      facts: { pools_untaken: ['ingest'], queues_untaken: [...ingest, 'mail'] },
    });
  });
});
