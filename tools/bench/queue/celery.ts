/** Celery, by its own command line, with the app in `loadtest/peers/celery`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Enqueued } from '../../../loadtest/peers/protocol.ts';
import { countRecords, type RecordCounts, readRecords, removeRecords, sumOf } from './celery-records.ts';
import { accountOf, pickupsOf } from './deliveries.ts';
import { LineChild } from './line-child.ts';
import { subjects } from './names.ts';
import type { Plan, Servers, Subject, SubjectWorker } from './subject.ts';

const folder = fileURLToPath(new URL('../../../loadtest/peers/celery', import.meta.url));
const bin = join(process.env.MILLRACE_CACHE ?? join(homedir(), '.cache'), 'millrace', 'peers', 'bin');
const database = 2;
const queue = 'bench';
const timeoutMs = 60_000;
/** What costs a worker time that has no fellow workers. */
const quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat', '--loglevel=WARNING'];

export interface CeleryPool {
  readonly name: string;
  readonly arguments: readonly string[];
  /** Messages a slot has fetched ahead: of 1, 4, 16, 64 and 256 what took the least processor time a task. */
  readonly prefetch: number;
}

export const celeryPools: readonly CeleryPool[] = [
  { name: subjects.prefork, arguments: ['--pool=prefork', '--concurrency=2'], prefetch: 64 },
  { name: subjects.gevent, arguments: ['--pool=gevent', '--concurrency=100'], prefetch: 4 },
];

/** Celery has no batches but `group`, which sends one by one. */
const plan: Plan = {
  serial: 3000,
  callers: 3000,
  batches: [{ size: 100, count: 2000 }],
  warmUp: 1000,
  mixed: 5000,
};

export async function startCelery(pool: CeleryPool, servers: Servers): Promise<Subject> {
  await using stack = new AsyncDisposableStack();
  const records = await mkdtemp(join(tmpdir(), 'millrace-bench-celery-'));
  stack.defer(() => rm(records, { recursive: true, force: true }));
  const redis = stack.adopt(new Redis(servers.redisUrl(database)), (connection) => connection.disconnect());
  const env = {
    CELERY_BROKER_URL: servers.redisUrl(database),
    RECORDS: records,
    PREFETCH: String(pool.prefetch),
    // nothing is left in the tree
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const producer = stack.use(
    await LineChild.start({
      name: `producer of ${pool.name}`,
      command: [join(bin, 'python'), 'producer.py'],
      env,
      cwd: folder,
    }),
  );
  const opened = stack.move();
  return {
    name: pool.name,
    plan,
    enqueue: (request) => producer.ask<Enqueued>({ work: 'enqueue', ...request }, timeoutMs),
    settled: async () => undefined,
    pace: (request) => producer.ask<Enqueued>({ work: 'pace', ...request }, timeoutMs),
    async startWorker() {
      const command = [join(bin, 'celery'), '--app=tasks', 'worker', ...pool.arguments, ...quiet];
      return celeryWorker(
        await LineChild.start({ name: pool.name, command, env, cwd: folder, endBy: 'SIGTERM' }),
        records,
      );
    },
    async reset() {
      // not the whole database: the producer believes that the queue's binding stands
      await redis.del(queue, 'unacked', 'unacked_index', 'unacked_mutex');
      await removeRecords(records);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function celeryWorker(child: LineChild, records: string): SubjectWorker {
  // the files of processes that run stay: what was read before is left out
  let forgotten: RecordCounts = new Map();
  return {
    pid: child.pid,
    done: async (tasks) => sumOf(await countRecords(records)) - sumOf(forgotten) >= tasks,
    account: async () => accountOf(await readRecords(records, forgotten)),
    pickups: async () => pickupsOf(await readRecords(records, forgotten)),
    async forget() {
      forgotten = await countRecords(records);
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
