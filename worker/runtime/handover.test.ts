/** From the ledger to Redis: what is handed over when, and what becomes of what Redis does not take. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database, Row, SqlValue } from '../db/index.ts';
import { Broker } from './broker.ts';
import { defineTask } from './define-task.ts';
import { createEnqueuer, type Enqueuer } from './enqueue.ts';
import type { Handover } from './ledger/handover.ts';
import { noRates } from './ledger/rates.ts';
import { readWindow, refill } from './ledger/window.ts';
import { createMaintenanceMetrics } from './maintenance-metrics.ts';
import { pausedQueues, setQueuePaused } from './queue-control.ts';
import { createRegistry } from './registry.ts';
import { startRelay } from './relay.ts';
import { openLedger, rowOf, tenantId, waitingTask } from './testing/ledger.ts';
import { Window } from './window.ts';

const log = pino({ level: 'silent' });
const queue = 'fast_tasks' as const;
const limits = { size: 20, isolatedPerTenant: 2, rates: noRates };
/** For the round itself, on a machine that has other things to do. */
const roundMs = 1000;

/** Redis, as far as the sending side sees it: it takes all, or nothing, or does not answer. */
class OneSidedBroker extends Broker {
  readonly given: { readonly row: Handover; readonly at: number }[] = [];
  answers: 'all' | 'none' | 'never' | 'away' = 'all';

  override get ready(): boolean {
    return this.answers !== 'away';
  }

  override async add(rows: readonly Handover[]): Promise<Handover[]> {
    this.given.push(...rows.map((row) => ({ row, at: Date.now() })));
    if (this.answers === 'never') return new Promise(() => undefined);
    return this.answers === 'all' ? [...rows] : [];
  }

  override async whenReady(): Promise<void> {
    throw new Error('it is away');
  }

  override async setPaused(): Promise<void> {
    throw new Error('it is away');
  }
}

const define = (name: string, tenantIsolated: boolean) =>
  defineTask({
    name,
    queue,
    tenantIsolated,
    description: 'Of a test.',
    payload: z.strictObject({}),
    handle: async () => undefined,
  });
const registry = createRegistry([define('free', false), define('bound', true)]);

let db: Database;
let broker: OneSidedBroker;
let window: Window;
let enqueuer: Enqueuer;
beforeAll(async () => {
  db = await openLedger();
}, 60_000);
afterAll(() => db.close());
beforeEach(async () => {
  await db.query('delete from tasks_live');
  // one that takes nothing from the backlog by itself
  await db.query('delete from workers');
  await db.query(
    `insert into workers (id, name, mode, queues, slots, seen_at)
       values (gen_random_uuid(), 'test', 'worker', array[$1], 1, now() + interval '1 hour')`,
    [queue],
  );
  broker = new OneSidedBroker(new Redis({ lazyConnect: true }), log);
  window = new Window(limits);
  window.learn(await db.tx((tx) => readWindow(tx)));
  enqueuer = createEnqueuer({ db, broker, registry, window, log });
});

const request = (options = {}, task = 'free') => ({ task, payload: {}, tenantId, options });
const statusOf = async (id: string) => (await rowOf(db, id)).status;
const until = async (what: () => boolean | Promise<boolean>) => {
  for (let tries = 0; !(await what()); tries += 1) {
    if (tries > 1000) throw new Error('what was waited for has not come');
    await wait(5);
  }
};

describe('the fast path', () => {
  it('should answer once the row is committed, and not wait for Redis', async () => {
    broker.answers = 'never';
    const { id, status } = await enqueuer.one(request());
    expect(status).toBe('PENDING');
    expect(await statusOf(id)).toBe('QUEUED');
    expect(broker.given.map(({ row }) => row.id)).toEqual([id]);
  });

  it('should leave to the relay what Redis did not take', async () => {
    broker.answers = 'none';
    const { id } = await enqueuer.one(request());
    await until(async () => broker.given.length === 1 && (await statusOf(id)) === 'PENDING');
  });

  it('should accept durable tasks while Redis is away, and none that are not', async () => {
    broker.answers = 'away';
    const { id } = await enqueuer.one(request());
    expect(await statusOf(id)).toBe('PENDING');
    await expect(enqueuer.one(request({ durable: false }))).rejects.toMatchObject({ code: 'redis_unavailable' });
    expect(broker.given).toEqual([]);
  });

  it('should leave to the relay what is not due, and what binds its tenant', async () => {
    const ids = [
      (await enqueuer.one(request({ countdownSeconds: 60 }))).id,
      (await enqueuer.one(request({ eta: new Date(Date.now() + 60_000) }))).id,
      (await enqueuer.one(request({}, 'bound'))).id,
    ];
    for (const id of ids) expect(await statusOf(id)).toBe('PENDING');
    expect(broker.given).toEqual([]);
    expect(await db.query('select id from tasks_live where isolated')).toEqual([{ id: ids[2] }]);
    // and none of them takes a place from what is due
    await enqueuer.batch(Array.from({ length: limits.size }, () => request({ countdownSeconds: 60 })));
    expect(await statusOf((await enqueuer.one(request())).id)).toBe('QUEUED');
  });
});

describe('the relay', () => {
  it('should hand over what is due no earlier than that, and at most 250 ms later', async () => {
    const id = await waitingTask(db, { countdownSeconds: 0.5 });
    const dueAt = (await rowOf(db, id)).due_at?.getTime() ?? 0;
    const relay = startRelay({ db, broker, window, log });
    await until(() => broker.given.length === 1);
    await relay.stop();
    const late = (broker.given[0]?.at ?? 0) - dueAt;
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(250 + roundMs);
  });

  it('should give back what Redis did not take, try it again, and count what was taken', async () => {
    const id = await waitingTask(db);
    broker.answers = 'none';
    const registry = new Registry();
    const relay = startRelay({ db, broker, window, metrics: createMaintenanceMetrics(registry), log });
    await until(async () => broker.given.length === 1 && (await statusOf(id)) === 'PENDING');
    broker.answers = 'all';
    await until(() => broker.given.length === 2);
    await relay.stop();
    expect(await statusOf(id)).toBe('QUEUED');
    expect(await registry.metrics()).toContain('millrace_maintenance_tasks_total{action="handed_over"} 1\n');
  });

  it('should find what is due behind more tenants than one look passes of whom nothing is', async () => {
    await db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload, due_at)
       select gen_random_uuid(), gen_random_uuid(), 'noted', 'dataset', '{}', now() + interval '1 hour' from generate_series(1, 6000)`,
    );
    const id = await waitingTask(db);
    const relay = startRelay({ db, broker, window, log });
    await until(() => broker.given.length === 1);
    await relay.stop();
    expect(broker.given[0]?.row.id).toBe(id);
  });

  it('should leave rows PENDING while Redis is away', async () => {
    const id = await waitingTask(db);
    broker.answers = 'away';
    const relay = startRelay({ db, broker, window, log });
    await wait(20);
    await relay.stop();
    expect(await statusOf(id)).toBe('PENDING');
  });
});

describe('the window', () => {
  const standing = async () => (await db.query(`select 1 from tasks_live where status = 'QUEUED'`)).length;
  const crowd = (count: number) =>
    db.query(
      `insert into tasks_live (id, tenant_id, name, queue, payload, due_at)
       select gen_random_uuid(), $1, 'noted', $2, '{}', now() - interval '1 second' from generate_series(1, $3)`,
      [tenantId, queue, count],
    );

  it('should let in as many as it has room for, the others as those end, and who has few in any case', async () => {
    await crowd(60);
    expect((await refill(db, limits, undefined))?.rows).toHaveLength(limits.size);
    expect((await refill(db, limits, undefined))?.rows).toEqual([]);
    const newcomer = await waitingTask(db, { tenantId: randomUUID() });
    expect((await refill(db, limits, undefined))?.rows.map(({ id }) => id)).toEqual([newcomer]);
    await db.query(`delete from tasks_live where status = 'QUEUED'`);
    expect((await refill(db, limits, undefined))?.rows).toHaveLength(limits.size);
    expect(await standing()).toBe(limits.size);
  });

  it('should let higher priorities in first', async () => {
    await crowd(60);
    const urgent = await waitingTask(db, { priority: 9 });
    expect((await refill(db, limits, undefined))?.rows.map(({ id }) => id)).toContain(urgent);
  });

  it('should read no more of a large backlog than it lets in', async () => {
    await crowd(5000);
    await db.query('analyze tasks_live');
    const plans: string[] = [];
    const explaining = <Q extends Pick<Database, 'query'>>(on: Q): Q => ({
      ...on,
      query: async <R extends Row>(text: string, params: readonly SqlValue[] = []) => {
        if (/^\s*(select|with)/.test(text) && text.includes('tasks_live'))
          plans.push(JSON.stringify(await on.query(`explain (analyze, format json) ${text}`, params)));
        return on.query<R>(text, params);
      },
    });
    await db.tx(async (tx) => {
      const within = explaining(tx);
      await refill({ ...db, tx: (work) => work({ ...within, script: tx.script }) }, limits, undefined);
    });
    const rows = plans.flatMap((plan) => [...plan.matchAll(/"Actual Rows": ?([\d.]+)/g)].map(([, n]) => Number(n)));
    expect(plans).toHaveLength(3);
    expect(Math.max(...rows)).toBeLessThan(100);
  });
});

it('should keep the wish to pause a queue although Redis cannot be told', async () => {
  await setQueuePaused({ db, broker, log }, queue, true);
  expect(await pausedQueues(db)).toEqual([queue]);
  await setQueuePaused({ db, broker, log }, queue, false);
  expect(await pausedQueues(db)).toEqual([]);
});
