import { type Redis, RedisClusterInit, RedisNode, type RedisProps } from './redis.ts';
import type { Gated } from './service-props.ts';
import type { System } from './system.ts';

const nodes = ['redis', ...[1, 2, 3, 4, 5].map((index) => `redis_${index}`)];

/** Three masters with a replica each. */
export class RedisCluster implements Redis {
  static readonly volumes: readonly string[] = nodes.map((service) => `${service}_data`);
  readonly ready: readonly Gated[];

  constructor(system: System, props: RedisProps) {
    const topology = 'cluster' as const;
    const servers = nodes.map((service) => new RedisNode(system, { ...props, topology, service }));
    this.ready = [
      new RedisClusterInit(system, {
        ...props,
        topology,
        service: 'redis_cluster_init',
        node: 'redis',
        after: servers,
      }),
    ];
  }
}
