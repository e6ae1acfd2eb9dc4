/** A Redis Cluster as processes on 127.0.0.1: three masters, each with a replica, formed by redis-cli. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { type RedisServers, type RedisUsers, targetsOf } from './redis.ts';
import { dataSettings, type RedisProcess, redisPort, startRedisProcess } from './redis-process.ts';
import type { RedisTls } from './redis-tls.ts';
import { until } from './until.ts';

const host = '127.0.0.1';
const nodeCount = 6;
const slots = 16_384;
/** A node that is silent for so long is taken for dead. */
const nodeTimeoutMs = 3000;
const formTimeoutMs = 30_000;

export interface ClusterOptions {
  readonly tls?: RedisTls;
  /** Users beside the default one; replicas log in as theirs. */
  readonly acl?: RedisUsers;
  /** The name that nodes announce and clients connect to, instead of 127.0.0.1. */
  readonly hostname?: string;
}

export interface RunningCluster extends RedisServers {
  readonly password: string;
  readonly nodes: readonly RedisProcess[];
  /** The master that owns the slot of this key, as most nodes see it. */
  master(key: string): Promise<RedisProcess>;
  /** The next owner of the key's slot, once every living node knows it and the cluster is whole. @throws after `withinMs`. */
  newMaster(key: string, old: RedisProcess, withinMs: number): Promise<RedisProcess>;
  /** Resolves when every node says that all slots are served. */
  whenServing(withinMs: number): Promise<void>;
}

export const clusterServers = {
  description: 'three masters and three replicas on free ports',

  async start({ tls, acl, hostname }: ClusterOptions = {}): Promise<RunningCluster> {
    await using stack = new AsyncDisposableStack();
    const password = randomBytes(18).toString('hex');
    const nodes: RedisProcess[] = [];
    for (let n = 0; n < nodeCount; n += 1) {
      const port = await redisPort();
      const settings = [
        ...(tls ? [...tls.settings(port), 'tls-cluster yes'] : [`port ${port}`]),
        ...dataSettings(password),
        ...(acl ? [...acl.data, ...acl.replicates] : [`masterauth ${password}`]),
        'cluster-enabled yes',
        'cluster-config-file nodes.conf',
        `cluster-node-timeout ${nodeTimeoutMs}`,
        'repl-diskless-sync-delay 0',
        ...(hostname ? [`cluster-announce-hostname ${hostname}`, 'cluster-preferred-endpoint-type hostname'] : []),
      ];
      const access = { password, ...(tls && { tls: tls.client }) };
      nodes.push(stack.use(await startRedisProcess({ kind: 'server', port, settings, access })));
    }
    await form(nodes, password, tls);
    const running = handles(nodes);
    await running.whenServing(formTimeoutMs);
    await until('every master has its replica', formTimeoutMs, () => replicasLinked(nodes));
    const environment = {
      REDIS_USE_CLUSTERS: 'true',
      REDIS_CLUSTERS: nodes.map(({ port }) => `${hostname ?? host}:${port}`).join(','),
      REDIS_CLUSTERS_PASSWORD: password,
      ...tls?.environment,
    };
    const owned = stack.move();
    return {
      ...running,
      password,
      environment,
      targets: targetsOf(environment),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  },
};

async function form(nodes: readonly RedisProcess[], password: string, tls: RedisTls | undefined): Promise<void> {
  const addresses = nodes.map(({ port }) => `${host}:${port}`);
  await promisify(execFile)(
    'redis-cli',
    [...(tls?.cliArguments ?? []), '--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'],
    { env: { ...process.env, REDISCLI_AUTH: password }, timeout: formTimeoutMs },
  );
}

function handles(nodes: readonly RedisProcess[]) {
  const alive = () => nodes.filter(({ running }) => running);
  const owners = async (key: string) => {
    const answers = await Promise.all(alive().map((node) => ownerOf(node, key)));
    return answers.map((port) => nodes.find((node) => node.port === port));
  };
  const master = async (key: string): Promise<RedisProcess> => {
    const votes = Map.groupBy(await owners(key), (owner) => owner);
    const [winner] = [...votes].toSorted(([, a], [, b]) => b.length - a.length)[0] ?? [];
    if (!winner) throw new Error(`no node of the cluster names the owner of ${key}`);
    return winner;
  };
  const whole = async () => {
    const states = await Promise.all(alive().map(({ call }) => call('cluster', 'info')));
    return states.every(
      (state) => String(state).includes('cluster_state:ok') && String(state).includes(`assigned:${slots}`),
    );
  };
  return {
    nodes,
    master,
    whenServing: (withinMs: number) => until('every node says that all slots are served', withinMs, whole),
    async newMaster(key: string, old: RedisProcess, withinMs: number) {
      await until('a new owner serves', withinMs, async () => {
        const now = await owners(key);
        return now.every((owner) => owner !== undefined && owner !== old && owner === now[0]) && (await whole());
      });
      return master(key);
    },
  };
}

/** The port of the master that owns the key's slot, as `node` sees it. */
async function ownerOf(node: RedisProcess, key: string): Promise<number> {
  const slot = Number(await node.call('cluster', 'keyslot', key));
  const ranges = await node.call('cluster', 'slots');
  if (!Array.isArray(ranges)) return 0;
  const range = ranges.find(([from, to]) => from <= slot && slot <= to);
  return Number(range?.[2]?.[1] ?? 0);
}

async function replicasLinked(nodes: readonly RedisProcess[]): Promise<boolean> {
  const infos = await Promise.all(nodes.map(({ call }) => call('info', 'replication')));
  const linked = infos.filter((info) => String(info).includes('master_link_status:up'));
  return linked.length === nodes.length / 2;
}
