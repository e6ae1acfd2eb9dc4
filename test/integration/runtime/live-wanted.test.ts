/** Events are written while somebody listens: nothing is told in vain, and nothing is missed by who comes, comes back or is forgotten. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Database } from '../../../worker/db/index.ts';
import { connectRedis, type RedisConnection } from '../../../worker/redis/index.ts';
import { createLiveMetrics, LiveHub, LivePublisher, LiveReader } from '../../../worker/runtime/index.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';

const log = createLogger({ level: 'fatal' });
/** Nothing stands in this ledger: all that is heard is events. */
const ledger: Pick<Database, 'query'> = { query: async () => [] };

let redis: RunningRedis;
let asking: RedisConnection;
beforeAll(async () => {
  redis = await redisServer.start();
  asking = await connected();
});
afterAll(async () => {
  asking?.disconnect();
  await redis?.[Symbol.asyncDispose]();
});

async function connected(): Promise<RedisConnection> {
  const connection = connectRedis(redis.targets.events, 'producer', log);
  await vi.waitFor(() => expect(connection.status).toBe('ready'), 10_000);
  return connection;
}

/** A process that tells of one tenant, numbered, every few ms from now on. */
async function teller(tenantId: string) {
  const connection = await connected();
  const registry = new Registry();
  const publisher = new LivePublisher({ connection, metrics: createLiveMetrics(registry), log });
  let count = 0;
  const taskId = randomUUID();
  const tell = () => {
    count += 1;
    const data = JSON.stringify({ n: count });
    const event = { event: 'progress', tenantId, taskId, userId: undefined, epoch: 0, durable: false, data } as const;
    publisher.publish(tenantId, () => event);
  };
  const timer = setInterval(tell, 5);
  const figure = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value ?? 0;
  return {
    told: () => count,
    written: () => figure('millrace_live_events_written_total'),
    unwanted: () => figure('millrace_live_events_unwanted_total'),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await publisher.stop();
      connection.disconnect();
    },
  };
}

/** An API process. */
async function hub(renewMs?: number) {
  const blocking = await connected();
  const opened = new LiveHub({
    db: ledger as Database,
    notDurable: { readKnown: async () => [] },
    openReader: (handlers) => new LiveReader({ blocking, asking, ...handlers, log, renewMs }),
    metrics: createLiveMetrics(new Registry()),
    log,
  });
  return {
    async listen(tenantId: string, after?: string, onListening?: () => void) {
      const heard: { readonly n: number; readonly id: string | undefined }[] = [];
      const gaps: boolean[] = [];
      const listening = await opened.listen(
        { tenantId, scope: { kind: 'tenant' }, after, onListening },
        {
          onEvent: ({ data, id }) => heard.push({ n: JSON.parse(data).n, id }),
          onGap: ({ complete }) => gaps.push(complete),
        },
      );
      return { heard, gaps, [Symbol.dispose]: () => listening[Symbol.dispose]() };
    },
    async [Symbol.asyncDispose]() {
      await opened.stop();
      blocking.disconnect();
    },
  };
}

type Listening = Awaited<ReturnType<Awaited<ReturnType<typeof hub>>['listen']>>;

/** Nothing is missing from the first number that must be heard to the last that was. */
function expectAllFrom(first: number, { heard }: Listening): void {
  const numbers = new Set(heard.map(({ n }) => n));
  const last = Math.max(...numbers);
  const missing = Array.from({ length: last - first + 1 }, (_, at) => first + at).filter((n) => !numbers.has(n));
  expect(missing).toEqual([]);
}
const hears = ({ heard }: Listening, n: number) =>
  vi.waitFor(() => expect(heard.at(-1)?.n ?? 0).toBeGreaterThanOrEqual(n), { timeout: 10_000, interval: 10 });

/** As when the last listener went a minute ago, or a failover took a server that had not heard of him. */
const forget = async () => {
  const keys = await asking.keys('{millrace:events}:wanted:*');
  if (keys.length > 0) await asking.del(...keys);
};

it('should write next to nothing while nobody listens, and everything from when somebody does', async () => {
  const tenantId = randomUUID();
  await using telling = await teller(tenantId);
  await vi.waitFor(async () => expect(await telling.unwanted()).toBeGreaterThan(200), { timeout: 20_000 });
  // the first, before Redis was asked
  expect(await telling.written()).toBeLessThan(20);
  await using api = await hub();
  const listen = async () => {
    let from = 0;
    const listening = await api.listen(tenantId, undefined, () => {
      from = telling.told() + 1;
    });
    return { from, listening };
  };
  const both = await Promise.all([listen(), wait(20).then(listen)]);
  const enough = telling.told() + 100;
  for (const { from, listening } of both) {
    await hears(listening, enough);
    expectAllFrom(from, listening);
    expect(listening.gaps).toEqual([]);
  }
});

it('should let come back who left a moment ago, and tell who left long ago that something is missing', async () => {
  await forget();
  const tenantId = randomUUID();
  await using telling = await teller(tenantId);
  await using api = await hub();
  const first = await api.listen(tenantId);
  await hears(first, telling.told() + 1);
  first[Symbol.dispose]();
  const left = first.heard.at(-1) ?? { n: 0, id: undefined };
  const atLeast = telling.told() + 50;
  await vi.waitFor(() => expect(telling.told()).toBeGreaterThan(atLeast), 10_000);
  const again = await api.listen(tenantId, left.id);
  await hears(again, atLeast);
  expectAllFrom(left.n + 1, again);
  expect(again.gaps).toEqual([]);
  again[Symbol.dispose]();

  await forget();
  await vi.waitFor(async () => expect(await telling.unwanted()).toBeGreaterThan(20), { timeout: 20_000 });
  const late = await api.listen(tenantId, again.heard.at(-1)?.id);
  const from = telling.told() + 1;
  await hears(late, from + 20);
  expect(late.gaps).toHaveLength(1);
  expectAllFrom(from, late);
});

it('should have it written again, and say that something is missing, when Redis forgot that somebody listens', async () => {
  await forget();
  const tenantId = randomUUID();
  await using telling = await teller(tenantId);
  // one of them notices first, and has it written again before the other asks
  await using first = await hub(500);
  await using second = await hub(700);
  const both = [await first.listen(tenantId), await second.listen(tenantId)];
  for (const listening of both) await hears(listening, telling.told() + 1);
  expect(both.map(({ gaps }) => gaps)).toEqual([[], []]);
  await forget();
  for (const listening of both) {
    await vi.waitFor(() => expect(listening.gaps).toHaveLength(1), { timeout: 10_000, interval: 5 });
    const from = telling.told() + 1;
    await hears(listening, from + 20);
    const since = listening.heard.filter(({ n }) => n >= from);
    expectAllFrom(from, { ...listening, heard: since });
  }
});

it('should write everything when Redis does not say who listens', async () => {
  await forget();
  await asking.call('ACL', 'SETUSER', 'default', '-mget');
  try {
    await using telling = await teller(randomUUID());
    await vi.waitFor(async () => expect(await telling.written()).toBeGreaterThan(50), { timeout: 20_000 });
    expect(await telling.unwanted()).toBe(0);
  } finally {
    await asking.call('ACL', 'SETUSER', 'default', '+mget');
  }
});
