/** Topologies whose clients reach the data servers through proxies of the harness. */
import { startProxy, type TcpProxy } from './proxy.ts';
import { redisServer, targetsOf } from './redis.ts';
import { sentinelServers } from './redis-sentinel.ts';
import { type RunningTopology, together } from './topologies.ts';

export interface ProxiedTopology extends RunningTopology {
  /** In front of the data servers, in the order of `nodes`. */
  readonly dataProxies: readonly TcpProxy[];
}

export const proxiedNames = ['standalone', 'sentinel'] as const;

export async function startProxied(name: (typeof proxiedNames)[number]): Promise<ProxiedTopology> {
  if (name === 'sentinel') {
    const servers = await sentinelServers.start({ proxied: true });
    return {
      ...servers,
      dataProxies: servers.proxies.nodes,
      ...together(servers.nodes, () => servers.whenServing(servingTimeoutMs)),
    };
  }
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await redisServer.start());
  const proxy = stack.use(await startProxy(redis));
  const environment = { ...redis.environment, REDIS_PORT: String(proxy.port) };
  const owned = stack.move();
  return {
    password: redis.password,
    nodes: [redis.server],
    sentinels: [],
    dataProxies: [proxy],
    environment,
    targets: targetsOf(environment),
    master: async () => redis.server,
    ...together([redis.server], async () => undefined),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const servingTimeoutMs = 60_000;
