/** When the reconciler's loops do what, and that an outage of the database gives those that live time to renew. */
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Database, Row, SqlValue } from '../db/index.ts';
import type { QueueName } from '../queues.ts';
import { Broker } from './broker.ts';
import type { LoopOptions } from './loop.ts';
import type { Maintained } from './maintenance-metrics.ts';
import { startReconciler } from './reconciler.ts';

const log = pino({ level: 'silent' });
const leaseMs = 30_000;

/** Statements by what they are about, each with what it answers. */
interface Ledger {
  away: boolean;
  /** For how long a plain question waits for its answer. */
  stallMs: number;
  swept: number;
  queued: { id: string; queue: QueueName }[];
  paused: { queue: QueueName; paused: boolean }[];
  putBack: SqlValue[];
}

function databaseOf(ledger: Ledger): Database {
  const answer = (text: string, params: readonly SqlValue[]): Row[] => {
    if (ledger.away) throw Object.assign(new Error('gone'), { code: '57P01' });
    if (text === 'select 1') vi.advanceTimersByTime(ledger.stallMs);
    if (text.includes('lease_until <')) ledger.swept += 1;
    else if (text.includes('from queue_states')) return ledger.paused;
    else if (text.includes('queued_at <')) return ledger.queued;
    else if (text.includes(`set status = 'PENDING'`)) {
      ledger.putBack.push(params[0] ?? null);
      return Array.isArray(params[0]) ? params[0].map((id) => ({ id })) : [];
    }
    return [];
  };
  const query = async <R extends Row>(text: string, params: readonly SqlValue[] = []) => answer(text, params) as R[];
  return {
    driver: 'postgres',
    query,
    tx: (work) => work({ query, script: async () => undefined }),
    close: async () => undefined,
  };
}

/** A Redis that has forgotten everything. */
class ForgetfulBroker extends Broker {
  readonly told: [QueueName, boolean][] = [];
  /** Called while it is told. */
  telling: () => void = () => undefined;
  override get ready(): boolean {
    return true;
  }
  override async missing(jobs: readonly { readonly id: string }[]): Promise<string[]> {
    return jobs.map(({ id }) => id);
  }
  override async setPaused(queue: QueueName, paused: boolean): Promise<void> {
    this.telling();
    this.told.push([queue, paused]);
  }
}

/** The loops that were started, by name: a test does their rounds itself. */
const loops = vi.hoisted(() => new Map<string, LoopOptions>());
vi.mock('./loop.ts', () => ({
  startLoop: (options: LoopOptions) => {
    loops.set(options.name, options);
    return { nudge: () => undefined, stop: async () => undefined };
  },
}));
const round = async (name: 'lease sweep' | 'reconciler') => loops.get(name)?.round();

let ledger: Ledger;
let broker: ForgetfulBroker;
let counted: [Maintained, number][];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  ledger = { away: false, stallMs: 0, swept: 0, queued: [], paused: [], putBack: [] };
  broker = new ForgetfulBroker(new Redis({ lazyConnect: true }), log);
  counted = [];
  const metrics = {
    round: () => undefined,
    tasks: (action: Maintained, count: number) => counted.push([action, count]),
  };
  startReconciler({ db: databaseOf(ledger), broker, metrics, log });
});
afterEach(() => void vi.useRealTimers());

const sweepsAfterALease = async () => {
  vi.advanceTimersByTime(leaseMs - 1);
  await round('lease sweep');
  expect(ledger.swept).toBe(0);
  vi.advanceTimersByTime(1);
  await round('lease sweep');
  expect(ledger.swept).toBe(1);
};

it('should sweep lapsed leases every 5 s', async () => {
  expect(loops.get('lease sweep')?.intervalMs).toBe(5000);
  await round('lease sweep');
  await round('lease sweep');
  expect(ledger.swept).toBe(2);
});

it('should leave them that time after a stall, too, in which nothing failed', async () => {
  startReconciler({ db: databaseOf(ledger), broker, log });
  ledger.stallMs = 26_000;
  await round('lease sweep');
  ledger.stallMs = 0;
  await sweepsAfterALease();
});

it('should leave them that time after its start too, where the outage may have been before', async () => {
  startReconciler({ db: databaseOf(ledger), broker, quietMs: leaseMs, log });
  await round('lease sweep');
  await sweepsAfterALease();
});

it('should leave those that live the time of a lease to renew after the database was away', async () => {
  await round('lease sweep');
  ledger.away = true;
  await expect(round('lease sweep')).rejects.toThrow('gone');
  vi.advanceTimersByTime(60_000);
  await expect(round('lease sweep')).rejects.toThrow('gone');
  ledger.away = false;
  await round('lease sweep');
  vi.advanceTimersByTime(leaseMs - 1);
  await round('lease sweep');
  expect(ledger.swept).toBe(1);
  vi.advanceTimersByTime(1);
  await round('lease sweep');
  expect(ledger.swept).toBe(2);
});

it('should put back rows that Redis no longer knows, and count them', async () => {
  ledger.queued = [{ id: 'lost', queue: 'fast_tasks' }];
  await round('reconciler');
  expect(ledger.putBack).toEqual([['lost']]);
  expect(counted).toEqual([['put_back', 1]]);
});

it('should tell Redis again what is paused and what is not, each time', async () => {
  ledger.paused = [
    { queue: 'mail', paused: true },
    { queue: 'dataset', paused: false },
  ];
  await round('reconciler');
  await round('reconciler');
  const once = [
    ['mail', true],
    ['dataset', false],
  ];
  expect(broker.told).toEqual([...once, ...once]);
});

it('should not leave Redis with what the ledger wanted before it was told', async () => {
  ledger.paused = [{ queue: 'mail', paused: false }];
  broker.telling = () => {
    ledger.paused = [{ queue: 'mail', paused: true }];
  };
  await round('reconciler');
  expect(broker.told).toEqual([
    ['mail', false],
    ['mail', true],
  ]);
});

it('should tell Redis no more than a few times of what changes each time', async () => {
  ledger.paused = [{ queue: 'mail', paused: false }];
  broker.telling = () => {
    ledger.paused = ledger.paused.map(({ queue, paused }) => ({ queue, paused: !paused }));
  };
  await round('reconciler');
  expect(broker.told).toHaveLength(5);
});
