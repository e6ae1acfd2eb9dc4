/** The servers of the benchmark: one Redis and one Postgres, started for it and gone with it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { postgresServer } from '../../../test/harness/postgres.ts';
import { redisServer } from '../../../test/harness/redis.ts';
import { Ledger } from './ledger.ts';
import type { Servers } from './subject.ts';

const main = fileURLToPath(new URL('../../../worker/main.ts', import.meta.url));
const migrateTimeoutMs = 60_000;
/** Tasks that a worker runs side by side: as Celery's gevent pool of 100, which is the peer to beat. */
const slots = 100;
/** Room for the pools of a worker, an API and a producer at once; else as Postgres comes. */
const postgresSettings = { max_connections: '300' };

export interface BenchServers extends AsyncDisposable {
  readonly servers: Servers;
  readonly ledger: Ledger;
  /** What the servers are and how they are set, in words. */
  describe(): Promise<string>;
}

export async function startServers(): Promise<BenchServers> {
  await using stack = new AsyncDisposableStack();
  const redis = stack.use(await redisServer.start());
  const postgres = stack.use(await postgresServer.start({ settings: postgresSettings }));
  const database = await postgres.createDatabase();
  const millrace = {
    ...redis.environment,
    DB_HOST: postgres.host,
    DB_PORT: String(postgres.port),
    DB_USERNAME: postgres.user,
    DB_PASSWORD: postgres.password,
    DB_DATABASE: database.name,
  };
  await promisify(execFile)(process.execPath, [main], {
    env: { PATH: process.env.PATH ?? '', ...millrace, MODE: 'migrate' },
    timeout: migrateTimeoutMs,
  });
  const ledger = stack.use(new Ledger(database.url));
  const opened = stack.move();
  return {
    servers: { redisUrl: (number) => `${redis.url}/${number}`, millrace, slots },
    ledger,
    describe: async () => `${await describeRedis(redis.url)}\n${describePostgres(await ledger.settings())}`,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function describeRedis(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    const version = /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1];
    const settings = await Promise.all(
      ['appendonly', 'appendfsync', 'maxmemory-policy'].map(async (name) => {
        const answer = await redis.config('GET', name);
        return `${name} ${Array.isArray(answer) ? answer[1] : '?'}`;
      }),
    );
    return `Redis ${version}: ${settings.join(', ')}`;
  } finally {
    redis.disconnect();
  }
}

function describePostgres({ server_version: version, ...settings }: Readonly<Record<string, string>>): string {
  const set = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return `Postgres ${version}: ${set.join(', ')}`;
}
