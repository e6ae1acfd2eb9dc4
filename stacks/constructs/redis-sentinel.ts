import { type Redis, RedisNode, type RedisProps, Sentinel } from './redis.ts';
import type { Gated } from './service-props.ts';
import type { System } from './system.ts';

const nodes = ['redis', 'redis_1', 'redis_2'];
const sentinels = ['sentinel_0', 'sentinel_1', 'sentinel_2'];

/** A master with two replicas, and three sentinels that choose the next master. */
export class RedisSentinel implements Redis {
  static readonly volumes: readonly string[] = [...nodes, ...sentinels].map((service) => `${service}_data`);
  readonly ready: readonly Gated[];

  constructor(system: System, props: RedisProps) {
    const topology = 'sentinel' as const;
    const servers = nodes.map((service) => new RedisNode(system, { ...props, topology, service }));
    // A sentinel asks the first master who its replicas are.
    const watchers = sentinels.map(
      (service) => new Sentinel(system, { ...props, topology, service, after: servers.slice(0, 1) }),
    );
    this.ready = [...servers, ...watchers];
  }
}
