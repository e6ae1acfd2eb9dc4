import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { Database } from '../../db/index.ts';
import { createContext } from '../context.ts';
import type { Enqueuer } from '../enqueue.ts';
import type { ClaimedTask } from '../ledger/rows.ts';
import { refuseInTransaction, refuseLedgerOptions, refuseMixed, refuseQueues } from './refusals.ts';

const task = 'noted';
const loose = { task, options: { durable: false } };
const durableOnly = expect.objectContaining({ code: 'durable_only' });

it('should refuse a unique key and a bound on the tenant, which the ledger alone keeps', () => {
  expect(() => refuseLedgerOptions({ task, options: { ...loose.options, uniqueKey: 'k' } }, false)).toThrow(
    durableOnly,
  );
  expect(() => refuseLedgerOptions(loose, true)).toThrow(durableOnly);
  expect(refuseLedgerOptions(loose, false)).toBeUndefined();
});

it('should refuse a transaction of Postgres, a batch of both kinds, and one of several queues', () => {
  expect(() => refuseInTransaction([{ task }, loose])).toThrow(durableOnly);
  expect(() => refuseMixed([loose, { task }])).toThrow(expect.objectContaining({ code: 'durable_mixed' }));
  expect(() => refuseQueues(new Set(['mail', 'dataset']))).toThrow(expect.objectContaining({ code: 'queues_mixed' }));
  expect([refuseInTransaction([{ task }]), refuseMixed([loose, loose]), refuseQueues(new Set(['mail']))]).toEqual(
    Array(3).fill(undefined),
  );
});

it('should refuse its handler effects, calls outside and follow-up tasks', async () => {
  const claimed: ClaimedTask = {
    fence: { id: randomUUID(), epoch: 0, owner: randomUUID() },
    durable: false,
    name: task,
    queue: 'fast_tasks',
    tenantId: randomUUID(),
    userId: undefined,
    payload: {},
    attempts: 1,
    deaths: 0,
    suspect: false,
    acceptedAt: new Date(),
    dueAt: new Date(),
  };
  const context = createContext({
    // neither is asked
    db: {} as Database,
    enqueuer: {} as Enqueuer,
    task: claimed,
    retries: 0,
    signal: () => new AbortController().signal,
    log: () => pino({ level: 'silent' }),
    writeProgress: async () => undefined,
  });
  await expect(context.effect('step', async () => true)).rejects.toEqual(durableOnly);
  await expect(context.external('step', async () => true)).rejects.toEqual(durableOnly);
  await expect(context.enqueue({ query: async () => [], script: async () => undefined }, [])).rejects.toEqual(
    durableOnly,
  );
  expect(await context.results()).toEqual([]);
});
