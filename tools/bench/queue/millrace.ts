/** Millrace: workers as the image starts them, a producer that uses the runtime's enqueuer, the ledger as the account. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Enqueued } from '../../../loadtest/peers/protocol.ts';
import { startMillrace } from '../../../test/harness/millrace-process.ts';
import { type QueueName, queueNames } from '../../../worker/queues.ts';
import type { Ledger } from './ledger.ts';
import { LineChild } from './line-child.ts';
import type { MillraceEnqueueRequest, MillracePaceRequest } from './millrace-requests.ts';
import { subjects } from './names.ts';
import type { Plan, Sent, Servers, Subject, SubjectWorker } from './subject.ts';

const producerFile = fileURLToPath(new URL('millrace-producer.ts', import.meta.url));
const timeoutMs = 300_000;
/** Databases of the broker and of cache and events. */
const databases = [0, 1];
/** Enough for a p99 of some seconds; each costs little more than a `sample_noop`. */
const probesPerSecond = 400;

const plan: Plan = {
  serial: 1000,
  callers: 6000,
  batches: [
    { size: 100, count: 8000 },
    { size: 1000, count: 15_000 },
  ],
  warmUp: 5000,
  mixed: 8000,
};

export interface Millrace extends Subject {
  readonly producer: LineChild;
  /** Fills a queue in batches of 1,000. */
  fill(queue: QueueName, count: number): Promise<Enqueued>;
  startWorker(queues?: readonly QueueName[]): Promise<SubjectWorker>;
}

/** The environment of a worker or an API on the benchmark's servers: production's log level, all queues but those left out. */
export function millraceEnvironment(servers: Servers): Record<string, string> {
  return {
    ...servers.millrace,
    MILLRACE_SAMPLE_TASKS: 'true',
    LOG_LEVEL: 'INFO',
    CELERY_WORKER_AMOUNT: String(servers.slots),
  };
}

export async function startMillraceSubject(servers: Servers, ledger: Ledger): Promise<Millrace> {
  await using stack = new AsyncDisposableStack();
  const env = millraceEnvironment(servers);
  const redis = databases.map((database) =>
    stack.adopt(new Redis(servers.redisUrl(database)), (connection) => connection.disconnect()),
  );
  const producer = stack.use(
    await LineChild.start({
      name: `producer of ${subjects.durable}`,
      command: [process.execPath, producerFile],
      env: { ...env, MODE: 'worker' },
    }),
  );
  const opened = stack.move();
  let run = '';
  const enqueue = (request: Omit<MillraceEnqueueRequest, 'work' | 'durable'>) =>
    producer.ask<Enqueued>({ work: 'enqueue', durable: true, ...request } satisfies MillraceEnqueueRequest, timeoutMs);
  return {
    name: subjects.durable,
    plan,
    producer,
    enqueue,
    settled: () => ledger.settled(),
    fill: (queue, count) => enqueue({ count, callers: 4, batch: 1000, queue }),
    async pace(request) {
      run = randomUUID();
      const full: MillracePaceRequest = { work: 'pace', durable: true, run, probesPerSecond, ...request };
      return producer.ask<Sent>(full, timeoutMs);
    },
    async startWorker(queues = queueNames) {
      const child = await startMillrace({ ...env, MODE: 'worker', CELERY_QUEUES: queues.join(',') });
      return {
        pid: child.pid,
        done: async (tasks) => (await ledger.finished()) >= tasks,
        account: () => ledger.account(),
        pickups: (sent) => ledger.pickups(sent, run),
        forget: () => ledger.forget(),
        [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
      };
    },
    async reset() {
      await ledger.clear();
      await Promise.all(redis.map((connection) => connection.flushdb()));
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
