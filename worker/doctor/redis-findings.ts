/** What is wrong with a Redis data server, judged by what it says of itself. */
import type { RedisTarget } from '../config/redis-target.ts';
import { judgeClock } from './clock.ts';
import type { RedisFacts } from './redis-facts.ts';
import { type Fact, type Finding, fault, warning } from './report.ts';
import { bytesText, plural } from './units.ts';

/** BullMQ's least version, and the one below which it warns. */
const leastMajor = 5;
const wanted = { major: 6, minor: 2 } as const;
/** Of its memory limit: at the limit every write is refused. */
const memoryWarnShare = 0.8;
/** A cut-off master acknowledges what it loses for so long (docs/decisions/0004). */
const maxLagSeconds = 3;

/** @param at how the server is named: `host:port`. */
export function judgeRedis(at: string, facts: RedisFacts, topology: RedisTarget['topology']): Finding[] {
  // what else could be said of a sentinel is about no data server
  if (facts.mode === 'sentinel')
    return [
      fault(
        'redis_is_sentinel',
        `The server at ${at} is a sentinel, and holds no data.`,
        'Set REDIS_USE_SENTINEL=true, REDIS_SENTINELS and REDIS_SENTINEL_SERVICE_NAME (or a sentinel:// broker URL).',
      ),
    ];
  return [
    ...judgeVersion(at, facts),
    ...judgeRole(at, facts, topology),
    ...judgePersistence(at, facts),
    ...judgeMemory(at, facts),
    ...judgeReplicas(at, facts, topology),
    ...(facts.clock ? judgeClock(`the Redis at ${at}`, facts.clock) : []),
  ];
}

function judgeVersion(at: string, { version }: RedisFacts): Finding[] {
  if (version === undefined) return [];
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const mend = `Upgrade it to ${wanted.major}.${wanted.minor} or later.`;
  if (major < leastMajor)
    return [
      fault('redis_too_old', `The Redis at ${at} is version ${version}, and ${leastMajor}.0 is the least.`, mend),
    ];
  if (major < wanted.major || (major === wanted.major && minor < wanted.minor))
    return [warning('redis_old', `The Redis at ${at} is version ${version}, older than BullMQ advises.`, mend)];
  return [];
}

function judgeRole(at: string, facts: RedisFacts, topology: RedisTarget['topology']): Finding[] {
  const { mode, role, loading, masterLink } = facts;
  const findings: Finding[] = [];
  if (mode === 'cluster' && topology !== 'cluster')
    findings.push(
      fault(
        'redis_is_cluster_node',
        `The Redis at ${at} is a node of a cluster: it has database 0 only, and a part of the keys.`,
        'Set REDIS_USE_CLUSTERS=true and name its nodes in REDIS_CLUSTERS.',
      ),
    );
  if (loading)
    findings.push(
      fault(
        'redis_loading',
        `The Redis at ${at} is loading its data and answers nothing else.`,
        'Wait for it to finish.',
      ),
    );
  if (role === 'slave' && topology === 'standalone')
    findings.push(
      fault(
        'redis_is_replica',
        `The Redis at ${at} is a replica, and takes no writes.`,
        'Point REDIS_HOST or CELERY_BROKER_URL at the master, or name the sentinels (REDIS_USE_SENTINEL).',
      ),
    );
  if (role === 'slave' && masterLink === 'down' && topology !== 'standalone')
    findings.push(
      warning(
        'redis_replica_behind',
        `The replica at ${at} has no link to its master, and falls behind.`,
        'Look in its log: masterauth, masteruser, tls-replication and the network are the usual reasons.',
      ),
    );
  return findings;
}

function judgePersistence(at: string, facts: RedisFacts): Finding[] {
  const findings: Finding[] = [];
  if (facts.aofWritesOk === false)
    findings.push(
      fault(
        'redis_aof_failing',
        `The Redis at ${at} could not write its append-only file, and refuses writes until it can.`,
        'Make room on its disk, or mend the disk.',
      ),
    );
  if (facts.snapshotOk === false)
    findings.push(
      (facts.stopsOnSnapshotError === false ? warning : fault)(
        'redis_snapshot_failing',
        `The last snapshot of the Redis at ${at} failed${facts.stopsOnSnapshotError === false ? '' : ', and it may refuse writes until one succeeds (MISCONF)'}.`,
        'Make room on its disk and in memory for the fork (vm.overcommit_memory=1).',
      ),
    );
  if (facts.aof === false)
    findings.push(
      warning(
        'redis_aof_off',
        `The Redis at ${at} keeps no append-only file: after a restart its queues are ${facts.snapshots === '' ? 'empty' : 'as old as its last snapshot'}, and waiting tasks start only once the reconciler has put them back.`,
        'Set appendonly yes (CONFIG SET appendonly yes, then CONFIG REWRITE).',
      ),
    );
  if (facts.aof && facts.fsync === 'no')
    findings.push(
      warning(
        'redis_fsync_off',
        `The Redis at ${at} leaves writing its append-only file to the system (appendfsync no): half a minute of it can be lost.`,
        'Set appendfsync everysec.',
      ),
    );
  return findings;
}

function judgeMemory(at: string, { eviction, maxMemoryBytes = 0, usedMemoryBytes = 0 }: RedisFacts): Finding[] {
  const findings: Finding[] = [];
  if (eviction !== undefined && eviction !== 'noeviction')
    findings.push(
      fault(
        'redis_eviction',
        `The Redis at ${at} drops keys when its memory is full (maxmemory-policy ${eviction}): parts of queues would vanish.`,
        'Set maxmemory-policy noeviction, and keep caches that need another policy on a Redis of their own.',
      ),
    );
  if (maxMemoryBytes === 0) return findings;
  const used = `${bytesText(usedMemoryBytes)} of ${bytesText(maxMemoryBytes)}`;
  const mend = 'Raise maxmemory, or find out what fills it: GET /v1/queues shows how deep the queues are.';
  if (usedMemoryBytes >= maxMemoryBytes)
    findings.push(
      fault('redis_memory_full', `The Redis at ${at} has used ${used}, and refuses writes or drops keys.`, mend),
    );
  else if (usedMemoryBytes > maxMemoryBytes * memoryWarnShare)
    findings.push(warning('redis_memory_short', `The Redis at ${at} has used ${used}; full, it refuses writes.`, mend));
  return findings;
}

function judgeReplicas(at: string, facts: RedisFacts, topology: RedisTarget['topology']): Finding[] {
  if (facts.role !== 'master') return [];
  const findings: Finding[] = [];
  const { minReplicas = 0, goodReplicas, replicas } = facts;
  if (goodReplicas !== undefined && goodReplicas < minReplicas)
    findings.push(
      fault(
        'redis_replicas_short',
        `The master at ${at} has ${plural(goodReplicas, 'replica')} in step and wants ${minReplicas} (min-replicas-to-write): it refuses every write.`,
        'Bring its replicas back, or lower min-replicas-to-write.',
      ),
    );
  if (topology === 'standalone') return findings;
  if (replicas === 0)
    findings.push(
      warning(
        'redis_no_replica',
        `The master at ${at} has no replica: if it is lost, nothing takes its place.`,
        'Start a replica of it, and see in its log whether it could connect.',
      ),
    );
  if (topology === 'sentinel' && facts.minReplicas !== undefined) {
    const lag = facts.minReplicasMaxLagSeconds ?? 0;
    if (minReplicas === 0 || lag > maxLagSeconds)
      findings.push(
        warning(
          'redis_cut_off_master',
          minReplicas === 0
            ? `The master at ${at} takes writes without a replica (min-replicas-to-write 0): cut off, it acknowledges what the next master does not have.`
            : `The master at ${at} tolerates replicas ${lag} s behind (min-replicas-max-lag): cut off, it acknowledges for that long what the next master does not have.`,
          `Set min-replicas-to-write 1 and min-replicas-max-lag ${maxLagSeconds} on every server.`,
        ),
      );
  }
  return findings;
}

/** A line for people. */
export function redisSummary(facts: RedisFacts): string {
  const memory =
    facts.usedMemoryBytes === undefined
      ? undefined
      : `${bytesText(facts.usedMemoryBytes)} of ${facts.maxMemoryBytes ? bytesText(facts.maxMemoryBytes) : 'no limit'}`;
  const parts = [
    facts.role === 'slave' ? 'replica' : facts.role,
    facts.version && `Redis ${facts.version}`,
    facts.aof === undefined ? undefined : facts.aof ? `AOF ${facts.fsync ?? 'on'}` : 'AOF off',
    facts.eviction,
    memory,
    facts.role === 'master' && facts.replicas !== undefined ? plural(facts.replicas, 'replica') : undefined,
    facts.clock && `clock ${signed(facts.clock.differenceMs)} ms`,
  ];
  return parts.filter(Boolean).join(', ') || 'answers';
}

const signed = (value: number) => (value < 0 ? `−${-value}` : `+${value}`);

/** All that was seen, for `--json`. */
export function redisFactsJson(facts: RedisFacts): Record<string, Fact> {
  return {
    role: facts.role ?? null,
    version: facts.version ?? null,
    mode: facts.mode ?? null,
    loading: facts.loading,
    aof: facts.aof ?? null,
    aof_writes_ok: facts.aofWritesOk ?? null,
    fsync: facts.fsync ?? null,
    snapshots: facts.snapshots ?? null,
    snapshot_ok: facts.snapshotOk ?? null,
    last_save: facts.lastSave?.toISOString() ?? null,
    eviction: facts.eviction ?? null,
    maxmemory_bytes: facts.maxMemoryBytes ?? null,
    used_memory_bytes: facts.usedMemoryBytes ?? null,
    replicas: facts.replicas ?? null,
    replicas_in_step: facts.goodReplicas ?? null,
    min_replicas_to_write: facts.minReplicas ?? null,
    min_replicas_max_lag_seconds: facts.minReplicasMaxLagSeconds ?? null,
    master_link: facts.masterLink ?? null,
    clients: facts.clients ?? null,
    maxclients: facts.maxClients ?? null,
    clock_difference_ms: facts.clock?.differenceMs ?? null,
    clock_uncertain_ms: facts.clock?.uncertainMs ?? null,
  };
}
