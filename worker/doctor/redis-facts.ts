/** What one Redis data server says of itself. */
import { isHidden, type ServerCall } from '../redis/index.ts';
import { type ClockReading, readClock } from './clock.ts';

/** Undefined members could not be seen; `unseen` says why. */
export interface RedisFacts {
  readonly role: string | undefined;
  readonly version: string | undefined;
  /** `standalone` (of a replica too), `cluster` or `sentinel`. */
  readonly mode: string | undefined;
  readonly loading: boolean;
  readonly aof: boolean | undefined;
  readonly aofWritesOk: boolean | undefined;
  readonly fsync: string | undefined;
  /** `save` as configured; empty: no snapshots. */
  readonly snapshots: string | undefined;
  readonly snapshotOk: boolean | undefined;
  /** Whether writes are refused while snapshots fail. */
  readonly stopsOnSnapshotError: boolean | undefined;
  readonly lastSave: Date | undefined;
  readonly eviction: string | undefined;
  /** 0: no limit. */
  readonly maxMemoryBytes: number | undefined;
  readonly usedMemoryBytes: number | undefined;
  readonly replicas: number | undefined;
  /** Replicas that are in step; undefined when none are asked for. */
  readonly goodReplicas: number | undefined;
  readonly minReplicas: number | undefined;
  readonly minReplicasMaxLagSeconds: number | undefined;
  /** Of a replica: whether it follows its master. */
  readonly masterLink: string | undefined;
  readonly clients: number | undefined;
  readonly maxClients: number | undefined;
  readonly clock: ClockReading | undefined;
  readonly unseen: readonly string[];
}

/** `INFO` as names and values. */
export function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^([\w-]+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]));
}

const configNames = [
  'appendfsync',
  'save',
  'stop-writes-on-bgsave-error',
  'maxmemory',
  'maxmemory-policy',
  'min-replicas-to-write',
  'min-replicas-max-lag',
  'maxclients',
] as const;

/** Asks a server. What its ACL denies is left out and named. @throws when it stops answering */
export async function readRedisFacts(call: ServerCall): Promise<RedisFacts> {
  const unseen: string[] = [];
  const seen = async <T>(answer: Promise<T>, whatIsMissing: string): Promise<T | undefined> => {
    try {
      return await answer;
    } catch (error) {
      if (!isHidden(error)) throw error;
      unseen.push(whatIsMissing);
      return undefined;
    }
  };
  const info = await seen(call('info'), 'INFO is denied: role, version, persistence, memory, replicas');
  const config = await seen(readConfig(call), 'CONFIG GET is denied: fsync policy, min-replicas-to-write and its lag');
  const clock = await seen(
    readClock(() => serverTime(call)),
    'TIME is denied: clock difference',
  );
  return { ...factsOf(parseInfo(String(info ?? '')), config ?? new Map()), clock, unseen };
}

/** One call a name: servers before 7.0 take one only. */
async function readConfig(call: ServerCall): Promise<ReadonlyMap<string, string>> {
  const values = new Map<string, string>();
  for (const name of configNames) {
    const answer = await call('config', 'get', name);
    if (Array.isArray(answer) && answer.length === 2) values.set(name, String(answer[1]));
  }
  return values;
}

async function serverTime(call: ServerCall): Promise<number> {
  const [seconds, micros] = [await call('time')].flat();
  return Number(seconds) * 1000 + Number(micros) / 1000;
}

function factsOf(info: ReadonlyMap<string, string>, config: ReadonlyMap<string, string>) {
  const number = (from: ReadonlyMap<string, string>, name: string) => {
    const value = from.get(name);
    return value === undefined || value === '' || Number.isNaN(Number(value)) ? undefined : Number(value);
  };
  const well = (name: string) => (info.has(name) ? info.get(name) === 'ok' : undefined);
  const lastSave = number(info, 'rdb_last_save_time');
  const aof = info.get('aof_enabled');
  const stops = config.get('stop-writes-on-bgsave-error');
  return {
    role: info.get('role'),
    version: info.get('redis_version'),
    mode: info.get('redis_mode'),
    loading: info.get('loading') === '1',
    aof: aof === undefined ? undefined : aof === '1',
    aofWritesOk: well('aof_last_write_status'),
    fsync: config.get('appendfsync'),
    snapshots: config.get('save'),
    snapshotOk: well('rdb_last_bgsave_status'),
    stopsOnSnapshotError: stops === undefined ? undefined : stops === 'yes',
    lastSave: lastSave === undefined ? undefined : new Date(lastSave * 1000),
    eviction: info.get('maxmemory_policy') ?? config.get('maxmemory-policy'),
    maxMemoryBytes: number(info, 'maxmemory') ?? number(config, 'maxmemory'),
    usedMemoryBytes: number(info, 'used_memory'),
    replicas: number(info, 'connected_slaves'),
    goodReplicas: number(info, 'min_slaves_good_slaves'),
    minReplicas: number(config, 'min-replicas-to-write'),
    minReplicasMaxLagSeconds: number(config, 'min-replicas-max-lag'),
    masterLink: info.get('master_link_status'),
    clients: number(info, 'connected_clients'),
    maxClients: number(info, 'maxclients') ?? number(config, 'maxclients'),
  };
}
