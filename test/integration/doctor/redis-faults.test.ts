/** Real faults of Redis: each is named with its cause and how to mend it, and nothing hangs. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { clusterServers, type RunningCluster } from '../../harness/redis-cluster.ts';
import { masterName, type RunningSentinels, sentinelServers } from '../../harness/redis-sentinel.ts';
import { createTls } from '../../harness/redis-tls.ts';
import { fastTasksKey, type RunningTopology, startTopology, topologyNames } from '../../harness/topologies.ts';
import { until } from '../../harness/until.ts';
import { type Environment, endsWithinMs, examine, runDoctor, storageFolder } from './setup.ts';

const storage = storageFolder();
afterAll(() => storage[Symbol.dispose]());

/** With an embedded database that is not there yet: nothing but Redis can be at fault. */
const of = (servers: { readonly environment: Environment }, more: Environment = {}): Environment => ({
  MODE: 'all',
  MILLRACE_HOME: `${storage.environment.OPENDAL_FS_ROOT}/home`,
  ...storage.environment,
  ...servers.environment,
  ...more,
});

describe.each(topologyNames)('%s', (topology) => {
  let servers: RunningTopology;
  beforeAll(async () => {
    servers = await startTopology(topology);
  });
  afterAll(async () => servers?.[Symbol.asyncDispose]());

  it('should name a wrong password, whatever stands between', async () => {
    const report = await examine(of(servers, { REDIS_PASSWORD: 'wrong', REDIS_CLUSTERS_PASSWORD: 'wrong' }));
    expect(report).toMatchObject({ code: 1, status: 'fault', codes: ['redis_credentials_refused'] });
    expect(report.about('redis broker, as consumer')[0]?.status).toBe('fault');
    expect(report.findings[0]?.message).toMatch(/127\.0\.0\.1:\d+ refuses the user name or password: .*WRONGPASS/);
    expect(report.findings[0]?.mend).toContain('REDIS_PASSWORD');
  });

  it('should name the CA that is missing', async () => {
    using tls = createTls();
    await using secure = await startTopology(topology, tls);
    const report = await examine(of(secure, { REDIS_SSL_CA_CERTS: tls.foreignCaFile }));
    expect(report.code).toBe(1);
    expect(report.codes).toContain('redis_certificate_untrusted');
    expect(report.findings.find(({ code }) => code === 'redis_certificate_untrusted')?.mend).toContain(
      'REDIS_SSL_CA_CERTS',
    );
  });

  it('should end in time and say so when nothing answers', async () => {
    await servers.stop();
    const { code, stdout, ms } = await runDoctor(of(servers));
    expect(code).toBe(1);
    expect(ms).toBeLessThan(endsWithinMs);
    expect(stdout).toMatch(
      /^fault redis_unreachable: The Redis at 127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/m,
    );
    expect(stdout).toMatch(/^ {2}To mend it: Check host and port, and that it runs\.$/m);
  });
});

describe('one server', () => {
  let redis: RunningRedis;
  beforeAll(async () => {
    redis = await redisServer.start();
  });
  afterAll(async () => redis?.[Symbol.asyncDispose]());
  const set = (name: string, value: string) => redis.server.call('config', 'set', name, value);

  it('should warn of nothing as it is', async () => {
    expect(await examine(of(redis))).toMatchObject({ code: 0, status: 'ok', findings: [] });
  });

  it('should call it a fault when keys are dropped', async () => {
    await set('maxmemory-policy', 'allkeys-lru');
    const report = await examine(of(redis));
    await set('maxmemory-policy', 'noeviction');
    expect(report).toMatchObject({ code: 1, codes: ['redis_eviction'] });
    expect(report.findings[0]?.message).toContain('maxmemory-policy allkeys-lru');
    expect(report.findings[0]?.mend).toContain('Set maxmemory-policy noeviction');
  });

  it('should warn of an append-only file that is off, or left to the system', async () => {
    await set('appendfsync', 'no');
    const left = await examine(of(redis));
    await set('appendfsync', 'everysec');
    expect(left).toMatchObject({ code: 0, status: 'warning', codes: ['redis_fsync_off'] });
    await set('appendonly', 'no');
    const off = await examine(of(redis));
    const lines = await runDoctor(of(redis));
    await set('appendonly', 'yes');
    expect(off).toMatchObject({ code: 0, status: 'warning', codes: ['redis_aof_off'] });
    expect(off.findings[0]?.mend).toContain('Set appendonly yes');
    expect(lines.code).toBe(0);
    expect(lines.stdout).toMatch(/^warning redis server .*: master, Redis .*, AOF off,/m);
    expect(lines.stdout.trimEnd().split('\n').at(-1)).toMatch(/^warning: /);
  });

  it('should say that its memory is full', async () => {
    await set('maxmemory', '1mb');
    // a dataset alone takes less than an empty server with its connections
    const report = await examine(of(redis));
    await set('maxmemory', '0');
    expect(report.code).toBe(1);
    expect(report.codes).toContain('redis_memory_full');
    expect(report.findings.find(({ code }) => code === 'redis_memory_full')?.message).toMatch(/of 1\.0 MiB/);
  });

  it('should say that it wants replicas which it does not have', async () => {
    await set('min-replicas-to-write', '1');
    const report = await examine(of(redis));
    await set('min-replicas-to-write', '0');
    expect(report.code).toBe(1);
    expect(report.codes).toContain('redis_replicas_short');
  });

  it('should say that it is a replica', async () => {
    await using replica = await redisServer.start({
      settings: { replicaof: `127.0.0.1 ${redis.port}`, masterauth: redis.password },
    });
    const report = await examine(of(replica));
    expect(report.code).toBe(1);
    expect(report.codes).toContain('redis_is_replica');
  });

  it('should tell TLS that is not spoken there', async () => {
    const report = await examine(of(redis, { REDIS_USE_SSL: 'true' }));
    expect(report).toMatchObject({ code: 1, codes: ['redis_not_speaking'] });
    expect(report.findings[0]?.mend).toContain('REDIS_USE_SSL');
  });

  it('should say that it lets nobody in any more', async () => {
    // holds the one connection there is, and gives the others back
    const holder = new Redis({ port: redis.port, password: redis.password });
    holder.on('error', () => undefined);
    await holder.config('SET', 'maxclients', '1');
    const report = await examine(of(redis));
    await holder.config('SET', 'maxclients', '10000');
    holder.disconnect();
    expect(report).toMatchObject({ code: 1, codes: ['redis_full'] });
    expect(report.findings[0]?.mend).toContain('maxclients');
  });

  it('should be told from a cluster and from a sentinel', async () => {
    const at = `127.0.0.1:${redis.port}`;
    const { REDIS_PASSWORD = '' } = redis.environment;
    const cluster = { REDIS_USE_CLUSTERS: 'true', REDIS_CLUSTERS: at, REDIS_CLUSTERS_PASSWORD: REDIS_PASSWORD };
    expect((await examine(of(redis, cluster))).codes).toContain('redis_no_cluster');
    const sentinel = { REDIS_USE_SENTINEL: 'true', REDIS_SENTINELS: at, REDIS_SENTINEL_SERVICE_NAME: 'mymaster' };
    const report = await examine(of(redis, { ...sentinel, REDIS_SENTINEL_PASSWORD: REDIS_PASSWORD }));
    expect(report.codes).toContain('redis_no_sentinel');
  });

  it('should end in time when it hangs', async () => {
    redis.server.freeze();
    try {
      const { code, stdout, ms } = await runDoctor(of(redis));
      expect(code).toBe(1);
      expect(ms).toBeLessThan(endsWithinMs);
      expect(stdout).toMatch(/^fault redis_not_speaking: /m);
    } finally {
      redis.server.thaw();
    }
  });

  it('should take what an ACL denies for unseen, not for a fault', async () => {
    // the least that workers were seen to need, and no INFO, CONFIG, TIME
    const allowed = '+eval +exists +hello +client|setname +quit';
    await redis.server.call(
      ...(['acl', 'setuser', 'worker', 'on', '>a-password-of-a-worker', 'resetchannels'] as const),
      ...['~{millrace:*}:*', '-@all', ...allowed.split(' ')],
    );
    const worker = { REDIS_USERNAME: 'worker', REDIS_PASSWORD: 'a-password-of-a-worker' };
    const report = await examine(of(redis, worker));
    expect(report).toMatchObject({ code: 0, status: 'ok', findings: [] });
    const unseen = report.checks.flatMap((check) => check.unseen).join('\n');
    for (const command of ['INFO', 'CONFIG GET', 'TIME']) expect(unseen).toContain(`${command} is denied`);
    expect(unseen).toMatch(/limit of the redis at .*neither INFO nor CONFIG GET/);
    expect((await runDoctor(of(redis, worker))).stdout).toMatch(/^unseen {2}redis server .*CONFIG GET is denied/m);
  });

  it('should name a command that a queue needs and an ACL denies', async () => {
    await redis.server.call(
      ...(['acl', 'setuser', 'weak', 'on', '>a-password-of-a-worker', '~*', '-@all', '+hello', '+exists'] as const),
    );
    const report = await examine(of(redis, { REDIS_USERNAME: 'weak', REDIS_PASSWORD: 'a-password-of-a-worker' }));
    expect(report).toMatchObject({ code: 1, codes: ['redis_role_refused'] });
    expect(report.findings[0]?.message).toMatch(/NOPERM.*eval/);
    expect(report.findings[0]?.mend).toContain('ACL');
  });
});

describe('behind sentinels', () => {
  let servers: RunningSentinels;
  beforeAll(async () => {
    servers = await sentinelServers.start();
  });
  afterAll(async () => servers?.[Symbol.asyncDispose]());

  it('should name a master that no sentinel knows', async () => {
    const report = await examine(of(servers, { REDIS_SENTINEL_SERVICE_NAME: 'nobody' }));
    expect(report).toMatchObject({ code: 1, codes: ['redis_master_unknown'] });
    expect(report.findings[0]?.mend).toContain('REDIS_SENTINEL_SERVICE_NAME');
  });

  it('should name a sentinel password that is wrong', async () => {
    const report = await examine(of(servers, { REDIS_SENTINEL_PASSWORD: 'wrong' }));
    expect(report.code).toBe(1);
    expect(report.codes).toContain('redis_credentials_refused');
    expect(report.findings.map(({ message }) => message).join()).toMatch(/The sentinel at .* refuses/);
  });

  it('should tell a sentinel that is taken for a data server', async () => {
    const [sentinel] = servers.sentinels;
    const report = await examine(
      of(
        { environment: {} },
        { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(sentinel?.port), REDIS_PASSWORD: servers.sentinelPassword },
      ),
    );
    expect(report.code).toBe(1);
    expect(report.codes).toContain('redis_is_sentinel');
  });

  it('should warn of a master that goes on alone when it is cut off', async () => {
    const master = await servers.master();
    await master.call('config', 'set', 'min-replicas-max-lag', 10);
    const slow = await examine(of(servers));
    await master.call('config', 'set', 'min-replicas-max-lag', 3);
    expect(slow).toMatchObject({ code: 0, status: 'warning', codes: ['redis_cut_off_master'] });
    expect(slow.findings[0]?.mend).toContain('min-replicas-max-lag 3');
  });

  it('should name a sentinel that is away, and that the others could not agree without a second', async () => {
    const [first, second] = servers.sentinels;
    await second?.stop();
    const one = await examine(of(servers));
    expect(one.code).toBe(1);
    expect(one.findings).toEqual([
      expect.objectContaining({
        code: 'redis_unreachable',
        message: expect.stringContaining(`The sentinel at 127.0.0.1:${second?.port} cannot be reached`),
        mend: expect.stringContaining('Start the sentinel'),
      }),
    ]);
    expect(one.about('redis broker')[0]?.status).toBe('ok');
    await first?.stop();
    await until('the last sentinel has noticed', 20_000, async () =>
      String(await servers.sentinels[2]?.call('sentinel', 'ckquorum', masterName).catch(String)).includes('NOQUORUM'),
    );
    const two = await examine(of(servers));
    expect(two.findings.find(({ code }) => code === 'sentinel_no_quorum')?.message).toContain('NOQUORUM');
    await Promise.all([first?.startAgain(), second?.startAgain()]);
  });
});

describe('a cluster', () => {
  let servers: RunningCluster;
  beforeAll(async () => {
    servers = await clusterServers.start();
  });
  afterAll(async () => servers?.[Symbol.asyncDispose]());

  it('should be told when it is configured as one server', async () => {
    const master = await servers.master(fastTasksKey);
    const one = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(master.port), REDIS_PASSWORD: servers.password };
    const report = await examine(of({ environment: one }));
    expect(report.code).toBe(1);
    expect(report.codes).toContain('redis_is_cluster_node');
  });

  it('should name a slot that belongs to nobody', async () => {
    const slot = 12_345;
    const owner = await ownerOf(servers, slot);
    for (const node of servers.nodes) await node.call('cluster', 'delslots', slot);
    await until('the nodes notice', 20_000, async () =>
      String(await owner.call('cluster', 'info')).includes('cluster_state:fail'),
    );
    const report = await examine(of(servers));
    await owner.call('cluster', 'addslots', slot);
    expect(report.code).toBe(1);
    const finding = report.findings.find(({ code }) => code === 'cluster_slots_unassigned');
    expect(finding?.message).toMatch(/^1 of the cluster's 16384 slots belong to no node/);
    expect(finding?.mend).toContain('--cluster fix');
    await servers.whenServing(30_000);
  });

  it('should name a node that is away, and its master as alone', async () => {
    const replica = await aReplica(servers);
    await replica.stop();
    const others = servers.nodes.filter((node) => node !== replica);
    await until('the others notice', 20_000, async () => {
      const views = await Promise.all(others.map(({ call }) => call('cluster', 'nodes')));
      return views.every((view) => new RegExp(`:${replica.port}@\\S+ \\S*slave,fail `).test(String(view)));
    });
    const report = await examine(of(servers));
    await replica.startAgain();
    expect(report.code).toBe(1);
    const messages = report.findings.map(({ code, message }) => `${code}: ${message}`).join('\n');
    expect(messages).toContain(
      `cluster_node_away: The cluster takes the replica at 127.0.0.1:${replica.port} for failed.`,
    );
    expect(messages).toMatch(new RegExp(`redis_unreachable: The Redis at 127.0.0.1:${replica.port} cannot be reached`));
    expect(messages).toContain('cluster_master_alone');
    expect(report.about('redis broker')[0]?.status).toBe('ok');
  });
});

async function ownerOf(servers: RunningCluster, slot: number) {
  for (const node of servers.nodes) {
    const ranges = await node.call('cluster', 'slots');
    const range = Array.isArray(ranges) ? ranges.find(([from, to]) => from <= slot && slot <= to) : undefined;
    const owner = servers.nodes.find(({ port }) => port === Number(range?.[2]?.[1]));
    if (owner) return owner;
  }
  throw new Error(`no node owns slot ${slot}`);
}

async function aReplica(servers: RunningCluster) {
  for (const node of servers.nodes)
    if (String(await node.call('info', 'replication')).includes('role:slave')) return node;
  throw new Error('no node of the cluster is a replica');
}
