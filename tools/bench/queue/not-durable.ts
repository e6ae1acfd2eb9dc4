/**
 * Millrace with `durable: false`. No ledger tells of these tasks: the worker's metrics count them, and BullMQ keeps the newest
 * ends with its own stamps, in whole milliseconds.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Enqueued } from '../../../loadtest/peers/protocol.ts';
import { type MillraceProcess, startMillrace } from '../../../test/harness/millrace-process.ts';
import { queuePrefix } from '../../../worker/queues.ts';
import type { LineChild } from './line-child.ts';
import type { MillraceEnqueueRequest, MillracePaceRequest } from './millrace-requests.ts';
import { byStamps, subjects } from './names.ts';
import type { Account, Pickups, Plan, Sent, Servers, Subject, SubjectWorker } from './subject.ts';

const timeoutMs = 60_000;
const countEachMs = 200;
/** Where Millrace's broker stands. */
const database = 1;
const keys = `${queuePrefix('fast_tasks')}:fast_tasks`;
const executions = /^celery_task_executions_total\{[^}]*status="completed"[^}]*\} (\d+)/gm;
/** Ends whose stamps are read in one go. */
const readAtOnce = 5000;

/** Ends that the runtime keeps of a queue. */
const keptMost = 20_000;

/** As many wait as ends are kept, so that each of them can be accounted for. */
const plan: Plan = {
  serial: 1000,
  callers: 6000,
  batches: [
    { size: 100, count: 5000 },
    { size: 1000, count: 8000 },
  ],
  warmUp: 5000,
  mixed: 20_000,
};

export interface NotDurableDeps {
  readonly servers: Servers;
  /** `millrace-producer.ts`, which the caller ends. */
  readonly producer: LineChild;
  /** Of a worker. */
  readonly env: Readonly<Record<string, string>>;
  readonly reset: () => Promise<void>;
}

export function notDurable({ servers, producer, env, reset }: NotDurableDeps): Subject {
  const redis = new Redis(servers.redisUrl(database));
  return {
    name: subjects.notDurable,
    plan,
    enqueue: (request) =>
      producer.ask<Enqueued>(
        { work: 'enqueue', durable: false, ...request } satisfies MillraceEnqueueRequest,
        timeoutMs,
      ),
    settled: async () => undefined,
    pace: (request) =>
      producer.ask<Sent>(
        { work: 'pace', durable: false, run: 'none', probesPerSecond: 0, ...request } satisfies MillracePaceRequest,
        timeoutMs,
      ),
    startWorker: async () => countedWorker(await startMillrace({ ...env, MODE: 'worker' }), redis),
    reset,
    [Symbol.asyncDispose]: async () => redis.disconnect(),
  };
}

function countedWorker(child: MillraceProcess, redis: Redis): SubjectWorker {
  const port = /"port":(\d+)[^\n]*"msg":"ready"/.exec(child.log())?.[1];
  let forgotten = 0;
  const count = async (): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(timeoutMs) });
    const counted = [...(await answer.text()).matchAll(executions)];
    return counted.reduce((sum, [, value]) => sum + Number(value), 0) - forgotten;
  };
  return {
    pid: child.pid,
    async done(tasks) {
      // the worker makes the text of its metrics between two tasks: asked for without a break, it took 4% of its time
      await wait(countEachMs);
      return (await count()) >= tasks;
    },
    async account(): Promise<Account> {
      const delivered = await count();
      const kept = await redis.zrange(`${keys}:completed`, '0', '-1', 'WITHSCORES');
      const endedMs = kept.filter((_, index) => index % 2 === 1).map(Number);
      // where ends are gone, only the number of deliveries can be held against what was sent
      return { delivered, distinct: delivered > keptMost ? delivered : endedMs.length, endedMs };
    },
    pickups: () => stampedPickups(redis),
    async forget() {
      forgotten += await count();
      const kept = await redis.zrange(`${keys}:completed`, '0', '-1');
      for (let from = 0; from < kept.length; from += readAtOnce) {
        await redis.unlink(...kept.slice(from, from + readAtOnce).map((id) => `${keys}:${id}`));
      }
      await redis.unlink(`${keys}:completed`);
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function stampedPickups(redis: Redis): Promise<readonly Pickups[]> {
  // all that are kept: of the newest alone, a bad second at the beginning would not show
  const ids = await redis.zrange(`${keys}:completed`, '0', '-1');
  const ms: number[] = [];
  for (let from = 0; from < ids.length; from += readAtOnce) {
    const some = ids.slice(from, from + readAtOnce);
    const stamps = await Promise.all(some.map((id) => redis.hmget(`${keys}:${id}`, 'timestamp', 'processedOn')));
    ms.push(...stamps.map(([made, fetched]) => Number(fetched) - Number(made)));
  }
  return [{ measure: byStamps, ms }];
}
