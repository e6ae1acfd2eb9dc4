/** Workers' clocks differ: what the ledger decides by time it decides by its own. */
import { afterEach, expect, it, vi } from 'vitest';
import type { Queryable, Row, SqlValue } from '../../db/index.ts';
import { newTask } from '../testing/ledger.ts';
import { acceptTasks } from './accept.ts';
import { claimTasks, renewLeases, stillHeld, takeOverLapsed } from './claim.ts';
import { postponeTask } from './deaths.ts';
import { completeTasks, expireTasks, handBack, retryTask } from './finish.ts';
import { putBack, queuedSince } from './handover.ts';
import { readWindow } from './window.ts';

const id = '0190a7c2-0000-7000-8000-000000000001';
const owner = '0190a7c2-0000-7000-8000-000000000002';
const fence = { id, epoch: 1, owner };
const error = { code: 'test', message: 'It went wrong.', at: '2026-11-21T10:00:00.000Z', attempt: 0 };

const statements: Readonly<Record<string, (db: Queryable) => Promise<unknown>>> = {
  'accepting with a countdown and an expiry': (db) =>
    acceptTasks(db, [newTask({ id, idIsNew: true, countdownSeconds: 5, expiresSeconds: 9 })]),
  'claiming and taking over': (db) => claimTasks(db, [id], owner, 'test'),
  'renewing leases': (db) => renewLeases(db, owner, [fence]),
  'asking whether claims stand': (db) => stillHeld(db, owner, [fence]),
  'sweeping leases': (db) => takeOverLapsed(db, 10),
  'waiting for the next attempt': (db) => retryTask(db, fence, error, 1000),
  'handing back': (db) => handBack(db, fence),
  'putting off': (db) => postponeTask(db, fence, 1000),
  ending: (db) => completeTasks(db, [{ fence, result: '1' }]),
  expiring: async (db) => (await expireTasks(db, 10)).length,
  'looking for what Redis lost': (db) => queuedSince(db, 3, undefined, 10),
  'putting back what Redis lost': (db) => putBack(db, [id]),
  'looking for what is due': (db) => readWindow(db),
};

afterEach(() => void vi.useRealTimers());

it.each(Object.keys(statements))('should not depend on the clock of a worker: %s', async (name) => {
  const saidAt = async (time: string) => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date(time) });
    const said: [string, readonly SqlValue[]][] = [];
    const db: Queryable = {
      query: async <R extends Row>(text: string, params: readonly SqlValue[] = []): Promise<R[]> => {
        said.push([text, params]);
        // an insert that is not answered would be looked into
        return (text.includes('insert into tasks_live') ? [{ id, handed: false }] : []) as Row[] as R[];
      },
    };
    await statements[name]?.(db);
    return said;
  };
  const said = await saidAt('2026-11-21T10:00:00Z');
  expect(said.length).toBeGreaterThan(0);
  expect(await saidAt('2031-01-01T00:00:00Z')).toEqual(said);
});
