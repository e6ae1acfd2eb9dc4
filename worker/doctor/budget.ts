/** The connections that all processes open together, held against what each server lets in: at start, and by the doctor. */
import type { Config } from '../config/config.ts';
import type { HostPort, RedisTarget } from '../config/redis-target.ts';
import { queueNames } from '../queues.ts';
import {
  type ConnectionBudget,
  connectionBudget,
  dataAccess,
  type KnownServer,
  readClientLimit,
  serversOfTarget,
} from '../redis/index.ts';
import { serversBehindSentinels } from './checks/sentinels.ts';
import { type ConnectionLimits, usableConnections } from './postgres-facts.ts';
import { type Finding, fault, warning } from './report.ts';

/** Above it a rollout, which for a moment runs old and new processes, or a person with psql no longer fits. */
const warnShare = 0.8;

/** One server and how full it can get. */
export interface BudgetLine {
  readonly kind: 'redis' | 'sentinel' | 'postgres';
  readonly server: string;
  /** Connections of all processes, at most. */
  readonly needed: number;
  readonly limit: number | undefined;
  /** Why there is no limit to compare with. */
  readonly unknown?: string;
}

/** What the processes of this deployment open, as far as this one knows: the others are taken to be set up like it. */
export function budgetOf(config: Config, topology: RedisTarget['topology'] | undefined): ConnectionBudget {
  const setup = (mode: 'api' | 'worker' | 'beat' | 'all') => ({
    mode,
    // a pool of another mode may consume all queues
    queues:
      mode === 'api' || mode === 'beat' ? 0 : config.mode === mode ? config.worker.queues.length : queueNames.length,
    topology,
    poolMax: config.database?.poolMax ?? 0,
    slots: config.worker.slots,
    workerClass: config.worker.workerClass,
  });
  return connectionBudget(
    (['api', 'worker', 'beat', 'all'] as const).map((mode) => ({
      setup: setup(mode),
      replicas: config.replicas[mode],
    })),
  );
}

/** Servers to ask: what a target names, and behind sentinels the data servers that could be master. */
async function serversToAsk(target: RedisTarget): Promise<KnownServer[]> {
  const named = serversOfTarget(target);
  if (target.topology !== 'sentinel') return named;
  const { servers } = await serversBehindSentinels(target);
  const asData = (at: HostPort): KnownServer => ({ ...at, kind: 'redis', access: dataAccess(target) });
  return [...named, ...servers.map(asData)];
}

export async function redisBudget(budget: ConnectionBudget, target: RedisTarget): Promise<BudgetLine[]> {
  const servers = await serversToAsk(target);
  return Promise.all(
    servers.map(async (server): Promise<BudgetLine> => {
      const answer = await readClientLimit(server);
      const line = { kind: server.kind, server: `${server.host}:${server.port}`, needed: budget[server.kind] };
      return 'maxClients' in answer
        ? { ...line, limit: answer.maxClients }
        : { ...line, limit: undefined, unknown: answer.unknown };
    }),
  );
}

export const postgresBudget = (budget: ConnectionBudget, server: string, limits: ConnectionLimits): BudgetLine => ({
  kind: 'postgres',
  server,
  needed: budget.postgres,
  limit: usableConnections(limits),
});

const names = { redis: 'Redis', sentinel: 'sentinel', postgres: 'Postgres' } as const;

const mends = {
  redis: 'Raise maxclients there (and the open files that its system allows), or run fewer processes.',
  sentinel: 'Raise maxclients there (and the open files that its system allows), or run fewer processes.',
  postgres:
    'Lower SQLALCHEMY_POOL_SIZE and SQLALCHEMY_MAX_OVERFLOW, raise max_connections, run fewer processes, or put a pooler (PgBouncer, in session mode) between.',
} as const;

/** A fault where it cannot fit, a warning above 80 %. Unknown limits are no finding. */
export function judgeBudget(lines: readonly BudgetLine[], { processes }: ConnectionBudget): Finding[] {
  const together = processes.map(({ mode, replicas }) => `${replicas} × ${mode}`).join(' + ');
  return lines.flatMap(({ kind, server, needed, limit }) => {
    if (limit === undefined || needed <= limit * warnShare) return [];
    const share = limit > 0 ? `${Math.round((needed / limit) * 100)} %` : 'all';
    const what = `Together the processes (${together}) may open ${needed} connections to the ${names[kind]} at ${server}, which has room for ${limit}`;
    return needed > limit
      ? [fault('connections_too_many', `${what}.`, mends[kind])]
      : [warning('connections_many', `${what}: ${share} of it.`, mends[kind])];
  });
}
