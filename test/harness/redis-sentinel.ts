/** Redis under Sentinel as processes on 127.0.0.1: a master, two replicas, three sentinels. */
import { randomBytes } from 'node:crypto';
import { startProxy, type TcpProxy } from './proxy.ts';
import { type RedisServers, type RedisUsers, targetsOf } from './redis.ts';
import { dataSettings, type RedisProcess, redisPort, startRedisProcess } from './redis-process.ts';
import type { RedisTls } from './redis-tls.ts';
import { until } from './until.ts';

export const masterName = 'millrace';
const host = '127.0.0.1';
const dataNodes = 3;
const sentinelNodes = 3;
/** Production wants more patience; a test wants its failover. */
const downAfterMs = 3000;
const failoverTimeoutMs = 10_000;
const formTimeoutMs = 30_000;

export interface RunningSentinels extends RedisServers {
  readonly password: string;
  readonly sentinelPassword: string;
  /** Data servers; which is the master changes. */
  readonly nodes: readonly RedisProcess[];
  readonly sentinels: readonly RedisProcess[];
  /** With `proxied`, in front of each data server and each sentinel, in their order: what they announce as their own address. */
  readonly proxies: { readonly nodes: readonly TcpProxy[]; readonly sentinels: readonly TcpProxy[] };
  /** The one that the sentinels name. @throws when they do not answer. */
  master(): Promise<RedisProcess>;
  /** The next master, once the sentinels have moved away from `old` and it takes writes. @throws after `withinMs`. */
  newMaster(old: RedisProcess, withinMs: number): Promise<RedisProcess>;
  /** Resolves when the master has at least one replica in step: before, it takes no writes (min-replicas-to-write). */
  whenServing(withinMs: number): Promise<void>;
}

const commonOf = (password: string, { tls, acl }: SentinelOptions, port: number) => [
  ...(tls?.settings(port) ?? [`port ${port}`]),
  ...dataSettings(password),
  ...(acl ? [...acl.data, ...acl.replicates] : [`masterauth ${password}`]),
  // a master that was cut off soon refuses what it could not replicate
  'min-replicas-to-write 1',
  'min-replicas-max-lag 3',
  // by default a link between servers that says nothing more is left after 60 s, and until then the master takes no writes
  'repl-timeout 10',
  'repl-ping-replica-period 2',
  'repl-diskless-sync-delay 0',
];

export interface SentinelOptions {
  readonly tls?: RedisTls;
  /** Users beside the default one; replicas and sentinels log in as theirs. */
  readonly acl?: RedisUsers;
  /** Servers and clients reach data servers through proxies, and sentinels each other. Clients are pointed at the sentinels themselves. */
  readonly proxied?: boolean;
}

export const sentinelServers = {
  description: 'a master, two replicas and three sentinels on free ports',

  async start({ tls, acl, proxied = false }: SentinelOptions = {}): Promise<RunningSentinels> {
    await using stack = new AsyncDisposableStack();
    const password = randomBytes(18).toString('hex');
    const sentinelPassword = randomBytes(18).toString('hex');
    const access = tls ? { tls: tls.client } : {};
    const proxies = { nodes: [] as TcpProxy[], sentinels: [] as TcpProxy[] };
    const proxyOf = async (port: number, kind: keyof typeof proxies) => {
      if (!proxied) return undefined;
      const proxy = stack.use(await startProxy({ port }));
      proxies[kind].push(proxy);
      return proxy.port;
    };
    const nodes: RedisProcess[] = [];
    /** Of the data servers, as sentinels know them. */
    const announced: number[] = [];
    for (let n = 0; n < dataNodes; n += 1) {
      const port = await redisPort();
      const known = await proxyOf(port, 'nodes');
      announced.push(known ?? port);
      const settings = [
        ...commonOf(password, { ...(tls && { tls }), ...(acl && { acl }) }, port),
        ...(known ? [`replica-announce-ip ${host}`, `replica-announce-port ${known}`] : []),
        ...(n > 0 ? [`replicaof ${host} ${announced[0]}`] : []),
      ];
      const options = { kind: 'server', port, settings, access: { ...access, password } } as const;
      nodes.push(stack.use(await startRedisProcess(options)));
    }
    const sentinels: RedisProcess[] = [];
    for (let n = 0; n < sentinelNodes; n += 1) {
      const port = await redisPort();
      const known = await proxyOf(port, 'sentinels');
      const settings = [
        ...(tls?.settings(port) ?? [`port ${port}`]),
        ...(known ? [`sentinel announce-ip ${host}`, `sentinel announce-port ${known}`] : []),
        ...(acl?.sentinel ?? []),
        `requirepass ${sentinelPassword}`,
        `sentinel sentinel-pass ${sentinelPassword}`,
        `sentinel monitor ${masterName} ${host} ${announced[0]} 2`,
        ...(acl ? acl.watches(masterName) : [`sentinel auth-pass ${masterName} ${password}`]),
        `sentinel down-after-milliseconds ${masterName} ${downAfterMs}`,
        `sentinel failover-timeout ${masterName} ${failoverTimeoutMs}`,
      ];
      const options = { kind: 'sentinel', port, settings, access: { ...access, password: sentinelPassword } } as const;
      sentinels.push(stack.use(await startRedisProcess(options)));
    }
    const running = handles(nodes, sentinels, announced);
    await until('every sentinel knows the others and both replicas', formTimeoutMs, () => allKnown(sentinels));
    await running.whenServing(formTimeoutMs);
    const environment = {
      REDIS_USE_SENTINEL: 'true',
      REDIS_SENTINELS: sentinels.map(({ port }) => `${host}:${port}`).join(','),
      REDIS_SENTINEL_SERVICE_NAME: masterName,
      REDIS_SENTINEL_PASSWORD: sentinelPassword,
      REDIS_PASSWORD: password,
      ...tls?.environment,
    };
    const owned = stack.move();
    return {
      ...running,
      proxies,
      password,
      sentinelPassword,
      environment,
      targets: targetsOf(environment),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  },
};

function handles(nodes: readonly RedisProcess[], sentinels: readonly RedisProcess[], announced: readonly number[]) {
  const master = async (): Promise<RedisProcess> => {
    const answers = await Promise.allSettled(
      sentinels
        .filter(({ running }) => running)
        .map(({ call }) => call('sentinel', 'get-master-addr-by-name', masterName)),
    );
    for (const answer of answers) {
      const port = answer.status === 'fulfilled' && Array.isArray(answer.value) ? Number(answer.value[1]) : 0;
      const node = nodes[announced.indexOf(port)];
      if (node) return node;
    }
    throw new Error(`no sentinel named a master: ${JSON.stringify(answers)}`);
  };
  const serving = async () => goodReplicas(await master());
  return {
    nodes,
    sentinels,
    master,
    whenServing: (withinMs: number) => until('the master has a replica in step', withinMs, serving),
    async newMaster(old: RedisProcess, withinMs: number) {
      await until('a new master takes writes', withinMs, async () => (await master()) !== old && (await serving()));
      return master();
    },
  };
}

/** Whether it is a master that may take writes. */
async function goodReplicas(node: RedisProcess): Promise<boolean> {
  const info = String(await node.call('info', 'replication'));
  return info.includes('role:master') && Number(/min_slaves_good_slaves:(\d+)/.exec(info)?.[1] ?? 0) > 0;
}

async function allKnown(sentinels: readonly RedisProcess[]): Promise<boolean> {
  const views = await Promise.all(sentinels.map(({ call }) => call('sentinel', 'master', masterName)));
  return views.every((view) => {
    const fields = fieldsOf(view);
    return (
      Number(fields['num-slaves']) === dataNodes - 1 && Number(fields['num-other-sentinels']) === sentinelNodes - 1
    );
  });
}

/** A reply of names and values in turn (RESP2), or one with members already (RESP3). */
function fieldsOf(reply: unknown): Readonly<Record<string, unknown>> {
  if (!Array.isArray(reply)) return typeof reply === 'object' && reply !== null ? { ...reply } : {};
  return Object.fromEntries(reply.flatMap((name, at) => (at % 2 === 0 ? [[String(name), reply[at + 1]]] : [])));
}
