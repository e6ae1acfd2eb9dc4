/**
 * How many connections Millrace opens, and how many a Redis lets in. `test/integration/doctor/budget.test.ts` starts the real
 * processes and counts theirs: who opens one more changes the figures here.
 */
import type { HostPort, RedisTarget } from '../config/redis-target.ts';
import { askServer, dataAccess, isHidden, type ServerAccess, type ServerCall, sentinelAccess } from './one-server.ts';

/** What decides how many connections a process opens. */
export interface ProcessSetup {
  readonly mode: 'api' | 'worker' | 'beat' | 'migrate' | 'job' | 'all';
  /** Queues that it consumes, where it does. */
  readonly queues: number;
  /** Undefined: it needs no Redis. */
  readonly topology: RedisTarget['topology'] | undefined;
  /** Bound of its pool of database connections. */
  readonly poolMax: number;
  /** Tasks that it runs side by side, and where. */
  readonly slots: number;
  readonly workerClass: 'async' | 'threads' | 'prefork' | 'solo';
}

/** Connections to one server of each kind, at most. */
export interface ConnectionCount {
  /** To one Redis data server: kept, or in a cluster opened as needed and then kept. */
  readonly redis: number;
  /** Short ones besides: what asks a cluster for its map of slots, every 5 s. */
  readonly redisPassing: number;
  /** To one sentinel: each connection to the master watches it through one. */
  readonly sentinel: number;
  /** Short ones besides: what asks where the master is, at start and after a failover. */
  readonly sentinelPassing: number;
  /** The whole pool, those of the threads and children that run handlers, and the watchdog's. */
  readonly postgres: number;
}

/** Schemas are brought up to date one statement after the other. */
const migrating = 1;

/** Connections of a thread or child that runs handlers: one task at a time, its effects one after another. */
export const hostConnections = 3;
/** Children for tasks that killed their worker before, at most: each runs one alone. */
const suspectChildren = 4;
/** Opened only to write down what it kills. */
const watchdog = 1;

/** Connections to Postgres beside the pool, of a process that runs handlers. Mode `all` does so in a child with a pool of its own. */
function besidePool({ mode, poolMax, slots, workerClass }: ProcessSetup): number {
  if (mode !== 'worker' && mode !== 'all') return 0;
  const alone = Math.min(suspectChildren, slots);
  const hosts = { async: alone, solo: alone, threads: slots + alone, prefork: slots }[workerClass];
  return (mode === 'all' ? poolMax : 0) + hosts * Math.min(hostConnections, poolMax) + watchdog;
}

/**
 * Clients of Redis in a process and the child that works for it: the producer and the writer of events; of an API the reader of
 * events; of a worker the consumer and one a queue that blocks on it. In mode `all` parent and child each write events.
 */
function clientsOf({ mode, queues }: ProcessSetup): number {
  switch (mode) {
    case 'api':
      return 3;
    case 'worker':
      return 3 + queues;
    case 'all':
      return 5 + queues;
    case 'beat':
      return 2;
    case 'migrate':
    case 'job':
      return 0;
  }
}

/** What one process opens. */
export function connectionsOfProcess(setup: ProcessSetup): ConnectionCount {
  const clients = setup.topology === undefined ? 0 : clientsOf(setup);
  const sentinels = setup.topology === 'sentinel' ? clients : 0;
  return {
    redis: clients,
    redisPassing: setup.topology === 'cluster' ? clients : 0,
    sentinel: sentinels,
    sentinelPassing: sentinels,
    postgres: setup.mode === 'migrate' ? migrating : setup.poolMax + besidePool(setup),
  };
}

/** What all processes open together, at most, on one server of each kind. */
export interface ConnectionBudget {
  readonly processes: readonly { readonly mode: string; readonly replicas: number; readonly each: ConnectionCount }[];
  readonly redis: number;
  readonly sentinel: number;
  readonly postgres: number;
}

/** The sum over processes, each kind with its number of replicas. */
export function connectionBudget(
  kinds: readonly { readonly setup: ProcessSetup; readonly replicas: number }[],
): ConnectionBudget {
  const processes = kinds
    .filter(({ replicas }) => replicas > 0)
    .map(({ setup, replicas }) => ({ mode: setup.mode, replicas, each: connectionsOfProcess(setup) }));
  const sum = (of: (count: ConnectionCount) => number) =>
    processes.reduce((total, { replicas, each }) => total + replicas * of(each), 0);
  return {
    processes,
    redis: sum((count) => count.redis + count.redisPassing),
    sentinel: sum((count) => count.sentinel + count.sentinelPassing),
    postgres: sum((count) => count.postgres),
  };
}

/** A server of a target, and how it is entered. */
export interface KnownServer extends HostPort {
  readonly kind: 'redis' | 'sentinel';
  readonly access: ServerAccess;
}

/** The servers that a target names, without asking anyone. Of sentinels' masters only they know. */
export function serversOfTarget(target: RedisTarget): KnownServer[] {
  const as = (kind: KnownServer['kind'], access: ServerAccess) => (at: HostPort) => ({
    kind,
    access,
    host: at.host,
    port: at.port,
  });
  switch (target.topology) {
    case 'standalone':
      return [as('redis', dataAccess(target))(target)];
    case 'cluster':
      return target.nodes.map(as('redis', dataAccess(target)));
    case 'sentinel':
      return target.sentinels.map(as('sentinel', sentinelAccess(target)));
  }
}

/** How many connections a server lets in, or why that is not known. */
export type ServerLimit = { readonly maxClients: number } | { readonly unknown: string };

/** `maxclients` as `INFO clients` tells it (since Redis 7), else as `CONFIG GET` does. */
export async function readClientLimit(server: KnownServer): Promise<ServerLimit> {
  const { answer, cause } = await askServer(server, server.access, maxClients);
  if (cause) return { unknown: cause.message };
  return answer ?? { unknown: 'its user may use neither INFO nor CONFIG GET' };
}

async function maxClients(call: ServerCall): Promise<ServerLimit | undefined> {
  const told = /^maxclients:(\d+)/m.exec(String(await unlessHidden(call('info', 'clients'))));
  if (told) return { maxClients: Number(told[1]) };
  const configured = await unlessHidden(call('config', 'get', 'maxclients'));
  const value = Array.isArray(configured) ? Number(configured[1]) : Number.NaN;
  return Number.isSafeInteger(value) ? { maxClients: value } : undefined;
}

/** Undefined for what the server does not let this user do, or does not know. */
async function unlessHidden(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (isHidden(error)) return undefined;
    throw error;
  }
}
