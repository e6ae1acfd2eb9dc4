import { type Redis, RedisNode, type RedisProps } from './redis.ts';
import type { System } from './system.ts';

/** One server. */
export class RedisStandalone implements Redis {
  static readonly volumes: readonly string[] = ['redis_data'];
  readonly ready: readonly RedisNode[];

  constructor(system: System, props: RedisProps) {
    this.ready = [new RedisNode(system, { ...props, topology: 'standalone', service: 'redis' })];
  }
}
