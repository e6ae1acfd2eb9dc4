/** BullMQ alone, with producer and worker in `loadtest/peers/bullmq`. */
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Deliveries, Enqueued } from '../../../loadtest/peers/protocol.ts';
import { accountOf, pickupsOf } from './deliveries.ts';
import { LineChild } from './line-child.ts';
import { subjects } from './names.ts';
import type { Plan, Servers, Subject, SubjectWorker } from './subject.ts';

const file = (name: string) => fileURLToPath(new URL(`../../../loadtest/peers/bullmq/${name}`, import.meta.url));
const database = 3;
const timeoutMs = 60_000;

const plan: Plan = {
  serial: 3000,
  callers: 15_000,
  batches: [
    { size: 100, count: 15_000 },
    { size: 1000, count: 20_000 },
  ],
  warmUp: 5000,
  mixed: 20_000,
};

export async function startBullmq(servers: Servers): Promise<Subject> {
  await using stack = new AsyncDisposableStack();
  const redis = stack.adopt(new Redis(servers.redisUrl(database)), (connection) => connection.disconnect());
  const env = { REDIS_URL: servers.redisUrl(database), SLOTS: String(servers.slots) };
  const start = (name: string) =>
    LineChild.start({ name: `${name} of ${subjects.bullmq}`, command: [process.execPath, file(`${name}.ts`)], env });
  const producer = stack.use(await start('producer'));
  const opened = stack.move();
  return {
    name: subjects.bullmq,
    plan,
    enqueue: (request) => producer.ask<Enqueued>({ work: 'enqueue', ...request }, timeoutMs),
    settled: async () => undefined,
    pace: (request) => producer.ask<Enqueued>({ work: 'pace', ...request }, timeoutMs),
    startWorker: async () => bullmqWorker(await start('worker')),
    async reset() {
      await redis.flushdb();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function bullmqWorker(child: LineChild): SubjectWorker {
  const deliveries = () => child.ask<Deliveries>({ work: 'deliveries' }, timeoutMs);
  return {
    pid: child.pid,
    done: async (tasks) => (await child.ask<{ count: number }>({ work: 'count' }, timeoutMs)).count >= tasks,
    account: async () => accountOf(await deliveries()),
    pickups: async () => pickupsOf(await deliveries()),
    async forget() {
      await child.ask({ work: 'forget' }, timeoutMs);
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
