/** The three topologies behind one face, for suites that must hold on each. */
import { queuePrefix } from '../../worker/queues.ts';
import { type RedisServers, type RedisUsers, redisServer } from './redis.ts';
import { clusterServers } from './redis-cluster.ts';
import type { RedisProcess } from './redis-process.ts';
import { sentinelServers } from './redis-sentinel.ts';
import type { RedisTls } from './redis-tls.ts';

export const topologyNames = ['standalone', 'sentinel', 'cluster'] as const;
export type TopologyName = (typeof topologyNames)[number];

export interface RunningTopology extends RedisServers {
  readonly password: string;
  /** Data servers, not sentinels. */
  readonly nodes: readonly RedisProcess[];
  /** None but in the topology of that name. */
  readonly sentinels: readonly RedisProcess[];
  /** The server that takes the writes of `fast_tasks`. */
  master(): Promise<RedisProcess>;
  /** SIGTERM to every data server. */
  stop(): Promise<void>;
  /** Starts them again and waits until they take writes. */
  startAgain(): Promise<void>;
}

/** A key of the queue that samples run in: in a cluster all keys of a queue share its slot. */
export const fastTasksKey = `${queuePrefix('fast_tasks')}:fast_tasks`;
const servingTimeoutMs = 60_000;

/**
 * Starts one; with `tls` it speaks nothing else and asks for client certificates.
 * @param acl users that it has beside the default one, which the harness uses
 */
export async function startTopology(name: TopologyName, tls?: RedisTls, acl?: RedisUsers): Promise<RunningTopology> {
  const options = { ...(tls && { tls }), ...(acl && { acl }) };
  switch (name) {
    case 'standalone': {
      const redis = await redisServer.start(options);
      const serving = async () => undefined;
      return {
        ...redis,
        nodes: [redis.server],
        sentinels: [],
        master: async () => redis.server,
        ...together([redis.server], serving),
      };
    }
    case 'sentinel': {
      const servers = await sentinelServers.start(options);
      return { ...servers, ...together(servers.nodes, () => servers.whenServing(servingTimeoutMs)) };
    }
    case 'cluster': {
      const servers = await clusterServers.start(options);
      return {
        ...servers,
        sentinels: [],
        master: () => servers.master(fastTasksKey),
        ...together(servers.nodes, () => servers.whenServing(servingTimeoutMs)),
      };
    }
  }
}

/** What stops and starts data servers. */
export function together(nodes: readonly RedisProcess[], whenServing: () => Promise<unknown>) {
  return {
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
    async startAgain() {
      await Promise.all(nodes.map((node) => node.startAgain()));
      await whenServing();
    },
  };
}
