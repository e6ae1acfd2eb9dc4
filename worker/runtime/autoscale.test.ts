import fc from 'fast-check';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { nextCapacity, type Signs, startAutoscale } from './autoscale.ts';
import { openLedger } from './testing/ledger.ts';

const limits = { min: 2, max: 40 };
const signs = (more: Partial<Signs>): Signs => ({
  capacity: 8,
  busy: 8,
  waiting: 100,
  oldestSeconds: 1,
  loopDelayMs: 12,
  calmRounds: 0,
  ...more,
});

it('should add half as many slots while all are busy and work waits', () => {
  expect(nextCapacity(signs({}), limits)).toBe(12);
  expect(nextCapacity(signs({ capacity: 1, busy: 1 }), { min: 1, max: 4 })).toBe(2);
});

it('should double them when work has waited for long', () => {
  expect(nextCapacity(signs({ oldestSeconds: 30 }), limits)).toBe(16);
});

it('should add none while there are free ones, or nothing waits', () => {
  expect(nextCapacity(signs({ busy: 7 }), limits)).toBe(8);
  expect(nextCapacity(signs({ waiting: 0 }), limits)).toBe(8);
});

it('should take some away when the event loop is what everything waits for, however much work there is', () => {
  expect(nextCapacity(signs({ loopDelayMs: 250, oldestSeconds: 60 }), limits)).toBe(6);
});

it('should take some away after half a minute without need, not before', () => {
  const calm = { busy: 1, waiting: 0 };
  expect(nextCapacity(signs({ ...calm, calmRounds: 5 }), limits)).toBe(8);
  expect(nextCapacity(signs({ ...calm, calmRounds: 6 }), limits)).toBe(6);
});

it('should stay within its bounds whatever the signs', () => {
  const any = fc.record({
    capacity: fc.integer({ min: 1, max: 1000 }),
    busy: fc.nat(1000),
    waiting: fc.nat(5000),
    oldestSeconds: fc.nat(3600),
    loopDelayMs: fc.nat(1000),
    calmRounds: fc.nat(100),
  });
  fc.assert(
    fc.property(any, (one) => {
      const next = nextCapacity(one, limits);
      expect(next).toBeGreaterThanOrEqual(limits.min);
      expect(next).toBeLessThanOrEqual(limits.max);
    }),
  );
});

it('should add slots also while nothing stands in Redis, since the backlog is taken straight from the ledger', async () => {
  const db = await openLedger();
  const resized = Promise.withResolvers<number>();
  const consumer = {
    slots: { capacity: 8, busy: 8 },
    backlogSeconds: 30,
    waitingJobs: async () => 0,
    resize: resized.resolve,
  };
  const log = pino({ level: 'silent' });
  const autoscale = startAutoscale({ db, queues: ['fast_tasks'], limits, consumer, log, intervalMs: 20 });
  try {
    expect(await resized.promise).toBe(16);
  } finally {
    await autoscale.stop();
    await db.close();
  }
}, 60_000);

it('should add slots for jobs that the ledger knows nothing of', async () => {
  const db = await openLedger();
  const resized = Promise.withResolvers<number>();
  const consumer = {
    slots: { capacity: 8, busy: 8 },
    backlogSeconds: undefined,
    waitingJobs: async () => 3,
    resize: resized.resolve,
  };
  const log = pino({ level: 'silent' });
  const autoscale = startAutoscale({ db, queues: ['fast_tasks'], limits, consumer, log, intervalMs: 20 });
  try {
    expect(await resized.promise).toBe(12);
  } finally {
    await autoscale.stop();
    await db.close();
  }
}, 60_000);

it('should add none for what waits in a paused queue, nor while Redis gives no answer', async () => {
  const db = await openLedger();
  await db.query(`insert into queue_states (queue, paused) values ('mail', true)`);
  await db.query(
    `insert into tasks_live (id, tenant_id, name, queue, payload, status, queued_at)
     select gen_random_uuid(), gen_random_uuid(), 'noted', queue, '{}', 'QUEUED', now() from unnest(array['mail', 'dataset']) as queue`,
  );
  const asked: (readonly string[])[] = [];
  const resized: number[] = [];
  let jobs: number | undefined;
  let looked = Promise.withResolvers<void>();
  const consumer = {
    slots: { capacity: 8, busy: 8 },
    backlogSeconds: undefined,
    waitingJobs: async (queues: readonly string[]) => {
      asked.push(queues);
      if (asked.length % 3 === 0) looked.resolve();
      return jobs;
    },
    resize: (slots: number) => void resized.push(slots),
  };
  const log = pino({ level: 'silent' });
  const start = (queues: ('mail' | 'dataset')[]) =>
    startAutoscale({ db, queues, limits, consumer, log, intervalMs: 20 });
  const away = start(['mail', 'dataset']);
  try {
    await looked.promise;
    await away.stop();
    expect(asked[0]).toEqual(['dataset']);
    expect(resized).toEqual([]);
    jobs = 0;
    looked = Promise.withResolvers<void>();
    const paused = start(['mail']);
    await looked.promise;
    await paused.stop();
    expect(resized).toEqual([]);
    looked = Promise.withResolvers<void>();
    const open = start(['dataset']);
    await looked.promise;
    await open.stop();
    expect(resized[0]).toBe(12);
  } finally {
    await db.close();
  }
}, 60_000);
