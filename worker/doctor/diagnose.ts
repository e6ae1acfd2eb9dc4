/** All checks of a configuration, side by side, each bounded in time. */
import type { Config } from '../config/config.ts';
import type { HostPort, RedisTarget, RedisTargets } from '../config/redis-target.ts';
import { errorText } from '../errors.ts';
import { within } from '../within.ts';
import { sentence } from './causes.ts';
import { checkBudget } from './checks/budget.ts';
import { clusterOverview } from './checks/cluster.ts';
import { checkConsumers } from './checks/consumers.ts';
import { checkDataFolder, checkRedisProgram, runningPrivateRedis } from './checks/embedded.ts';
import { checkEmbedding } from './checks/embedding.ts';
import { checkPostgres } from './checks/postgres.ts';
import { checkRedisRole } from './checks/redis-role.ts';
import { checkRedisServer } from './checks/redis-server.ts';
import { checkSentinel } from './checks/sentinel.ts';
import { serversBehindSentinels } from './checks/sentinels.ts';
import { checkStorage } from './checks/storage.ts';
import { type Checked, failed, fault, type Report, statusOf } from './report.ts';

/** Above what the waits inside a check add up to. */
const checkMs = 20_000;
/** More servers than anybody runs. */
const maxServers = 128;

interface Check {
  readonly subject: string;
  run(): Promise<Checked>;
}

export interface DiagnoseOptions {
  /** Before a deployment starts: what its start brings, the schema and workers, is not missed. @default false */
  readonly beforeStart?: boolean;
}

/** Looks at everything that the configuration names. Never throws: what goes wrong is a finding. */
export async function diagnose(config: Config, { beforeStart = false }: DiagnoseOptions = {}): Promise<Report> {
  const startedAt = new Date();
  const groups = await Promise.all([
    redisChecks(config),
    embeddedChecks(config),
    runAll([
      ...(config.database ? postgresChecks(config, config.database, beforeStart) : []),
      { subject: 'storage', run: () => checkStorage(config) },
      { subject: 'embedding', run: () => checkEmbedding(config.embedding) },
      { subject: 'connection budget', run: () => checkBudget(config) },
    ]),
  ]);
  const checks = groups.flat();
  return {
    status: statusOf(checks.flatMap(({ findings }) => findings)),
    checked_at: startedAt.toISOString(),
    mode: config.mode,
    checks,
  };
}

const postgresChecks = (config: Config, target: NonNullable<Config['database']>, beforeStart: boolean): Check[] => [
  {
    subject: `postgres ${target.host}:${target.port}`,
    run: () => checkPostgres(target, { migrates: config.migrate || beforeStart }),
  },
  { subject: 'consumers of the queues', run: () => checkConsumers(target, { beforeStart }) },
];

type Ran = Report['checks'][number];

const runAll = (checks: readonly Check[]): Promise<Ran[]> => Promise.all(checks.map(runOne));

async function runOne({ subject, run }: Check): Promise<Ran> {
  const startedAt = performance.now();
  const broken = (what: string) =>
    failed(
      subject,
      fault('check_failed', sentence(what), 'Look at the server itself: it behaves as no check expects.'),
    );
  const checked = await within(checkMs, run(), () => broken(`The check did not end within ${checkMs / 1000} s`)).catch(
    (error: unknown) => broken(`The check failed: ${errorText(error)}`),
  );
  return { ...checked, status: statusOf(checked.findings), ms: Math.round(performance.now() - startedAt) };
}

async function redisChecks({ redis }: Config): Promise<Ran[]> {
  if (!redis) return [];
  return (await Promise.all([runAll(roles(redis)), serverChecks(redis)])).flat();
}

/** What mode `all` brings itself. */
async function embeddedChecks(config: Config): Promise<Ran[]> {
  if (config.mode !== 'all' || (config.redis && config.database)) return [];
  const folder = await runOne({ subject: `data folder ${config.home}`, run: () => checkDataFolder(config) });
  if (config.redis) return [folder];
  const running = typeof folder.facts.in_use_by === 'string' ? await runningPrivateRedis(config.home) : undefined;
  const redis: Check = running
    ? { subject: 'private redis', run: () => checkRedisServer(running, running) }
    : { subject: 'private redis', run: checkRedisProgram };
  return [folder, await runOne(redis)];
}

/** Each role in each of its uses. */
function roles({ broker, cache, events }: RedisTargets): Check[] {
  const check = (role: 'broker' | 'cache' | 'events', use: 'producer' | 'consumer', target: RedisTarget): Check => ({
    subject: `redis ${role}, as ${use}`,
    run: () => checkRedisRole({ role, use, target }),
  });
  return [
    check('broker', 'producer', broker),
    check('broker', 'consumer', broker),
    check('cache', 'producer', cache),
    check('events', 'consumer', events),
  ];
}

/** Targets that differ in their database number only stand on the same servers. */
function distinctTargets({ broker, cache, events }: RedisTargets): RedisTarget[] {
  const key = (target: RedisTarget) => JSON.stringify({ ...target, db: undefined });
  return [...new Map([broker, cache, events].map((target) => [key(target), target])).values()];
}

async function serverChecks(targets: RedisTargets): Promise<Ran[]> {
  return (await Promise.all(distinctTargets(targets).map(checksOfTarget))).flat();
}

async function checksOfTarget(target: RedisTarget): Promise<Ran[]> {
  const each = (servers: readonly HostPort[]) =>
    runAll(
      servers.slice(0, maxServers).map((server) => ({
        subject: `redis server ${server.host}:${server.port}`,
        run: () => checkRedisServer(server, target),
      })),
    );
  switch (target.topology) {
    case 'standalone':
      return each([target]);
    case 'sentinel': {
      const { servers, agreement } = await serversBehindSentinels(target);
      const sentinels = target.sentinels.map((sentinel) => ({
        subject: `sentinel ${sentinel.host}:${sentinel.port}`,
        run: () => checkSentinel(sentinel, target),
      }));
      const together = { subject: agreement.subject, run: async () => agreement };
      return [...(await runAll([together, ...sentinels])), ...(await each(servers))];
    }
    case 'cluster': {
      const { servers, whole } = await clusterOverview(target);
      const together = whole ? [{ subject: whole.subject, run: async () => whole }] : [];
      return [...(await runAll(together)), ...(await each(servers))];
    }
  }
}
