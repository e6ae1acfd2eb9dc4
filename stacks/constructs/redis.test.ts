import { describe, expect, it } from 'vitest';
import { constructed, somebody } from '../testing/constructed.ts';
import type { Redis, RedisProps } from './redis.ts';
import { RedisCluster } from './redis-cluster.ts';
import { RedisSentinel } from './redis-sentinel.ts';
import { RedisStandalone } from './redis-standalone.ts';
import { Service } from './service.ts';
import type { System } from './system.ts';

type Kind = new (system: System, props: RedisProps) => Redis;

/** With one who waits for all of it. */
const made = (kind: Kind, props: Partial<RedisProps> = {}) =>
  constructed((system) => {
    const configuration = ['compose/redis/start.sh'];
    const { ready } = new kind(system, {
      image: 'redis:8.0.3',
      tls: false,
      configuration,
      after: [somebody(system)],
      ...props,
    });
    const plain = { image: 'waiting:1.2.3', user: '1001:1001', networks: [], memoryMegabytes: 64, cpus: 1, pids: 32 };
    new Service(system, { ...plain, service: 'waiting', stopGraceSeconds: 10, after: ready });
  });
const needsOf = (redis: ReturnType<typeof made>, service: string) => [...(redis.get(service)?.needs ?? [])].sort();

const nodes = (count: number) => ['redis', ...Array.from({ length: count - 1 }, (_, index) => `redis_${index + 1}`)];
const sentinels = ['sentinel_0', 'sentinel_1', 'sentinel_2'];

describe.each<[string, Kind, number]>([
  ['standalone', RedisStandalone, 1],
  ['sentinel', RedisSentinel, 3],
  ['cluster', RedisCluster, 6],
])('Redis, %s', (topology, kind, count) => {
  it('should keep the data of each node in a volume of its own, and let nobody in from outside', () => {
    const redis = made(kind, { memoryMegabytes: 700, tls: true });
    for (const node of nodes(count)) {
      expect([node, redis.get(node)]).toEqual([
        node,
        expect.objectContaining({
          user: '999:999',
          health: '/bin/sh /etc/millrace/redis/health.sh 6379',
          expects: 'healthy',
          needs: ['somebody'],
          networks: ['data'],
          env: { MILLRACE_TOPOLOGY: topology, MILLRACE_TLS: 'true', MILLRACE_NODE: node.replaceAll('_', '-') },
          mounts: [
            'compose/redis to /etc/millrace/redis',
            'secrets_redis to /run/secrets/millrace',
            `${node}_data to /data, writable`,
          ],
          published: undefined,
          megabytes: 700,
        }),
      ]);
    }
    expect([...redis.keys()].filter((service) => /^redis(_\d)?$/.test(service)).sort()).toEqual(nodes(count).sort());
  });
});

describe('Redis with sentinels', () => {
  const redis = made(RedisSentinel);

  it('should have three that watch the first master, with secrets of their own', () => {
    for (const sentinel of sentinels) {
      expect([sentinel, redis.get(sentinel)]).toEqual([
        sentinel,
        expect.objectContaining({
          needs: ['redis'],
          health: '/bin/sh /etc/millrace/redis/health.sh 26379',
          mounts: expect.arrayContaining(['secrets_sentinel to /run/secrets/millrace']),
        }),
      ]);
    }
  });

  it('should take work once all six are healthy', () => {
    expect(needsOf(redis, 'waiting')).toEqual([...nodes(3), ...sentinels].sort());
  });
});

describe('a cluster of Redis', () => {
  it('should be joined once all nodes are healthy, and take work once it is', () => {
    const redis = made(RedisCluster);
    expect(needsOf(redis, 'redis_cluster_init')).toEqual(nodes(6).sort());
    expect(redis.get('redis_cluster_init')).toMatchObject({ expects: 'completed', env: { MILLRACE_NODE: 'redis' } });
    expect(needsOf(redis, 'waiting')).toEqual(['redis_cluster_init']);
  });
});
