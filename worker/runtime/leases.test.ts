/** When leases are renewed, and when claims may take over those that are over. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Database } from '../db/index.ts';
import { createLogger } from '../telemetry/logger.ts';
import { Leases } from './leases.ts';
import type { LoopOptions } from './loop.ts';

const leaseMs = 30_000;
const owner = '0190a7c2-0000-7000-8000-000000000002';
const fence = { id: '0190a7c2-0000-7000-8000-000000000001', epoch: 1, owner };

/** The loop that was started last: a test does its rounds itself. */
const started = vi.hoisted(() => [] as LoopOptions[]);
vi.mock('./loop.ts', () => ({
  startLoop: (options: LoopOptions) => {
    started.push(options);
    return { nudge: () => undefined, stop: async () => undefined };
  },
}));
const round = async () => started.at(-1)?.round();

let away: boolean;
/** For how long the database lets each statement wait, and those that it was sent. */
let answerMs: number;
let sent: string[];
let leases: Leases;
let db: Database;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  away = false;
  answerMs = 0;
  sent = [];
  const query = async (text: string) => {
    sent.push(text);
    vi.advanceTimersByTime(answerMs);
    if (away) throw Object.assign(new Error('gone'), { code: '57P01' });
    return [];
  };
  db = {
    driver: 'postgres',
    query,
    tx: () => Promise.reject(new Error('unused')),
    close: async () => undefined,
  };
  leases = new Leases(db, owner, createLogger({ level: 'fatal' }));
});
afterEach(() => void vi.useRealTimers());

const quietForALease = () => {
  expect(leases.mayTakeOver).toBe(false);
  vi.advanceTimersByTime(leaseMs);
  expect(leases.mayTakeOver).toBe(false);
  vi.advanceTimersByTime(1);
  expect(leases.mayTakeOver).toBe(true);
};

it('should be at any time while the database answers', async () => {
  await round();
  expect(leases.mayTakeOver).toBe(true);
});

it('should not be for the length of a lease after a claim got no answer', () => {
  leases.doubt();
  quietForALease();
});

it('should not be for the length of a lease after the database did not answer whether runs are still held', async () => {
  using _held = leases.hold({ fence, lost: () => undefined });
  away = true;
  await expect(round()).rejects.toThrow('gone');
  away = false;
  quietForALease();
});

it('should not be for as long as was asked for after the start', () => {
  leases = new Leases(db, owner, createLogger({ level: 'fatal' }), leaseMs);
  expect(leases.mayTakeOver).toBe(false);
  vi.advanceTimersByTime(leaseMs - 1);
  expect(leases.mayTakeOver).toBe(false);
  vi.advanceTimersByTime(1);
  expect(leases.mayTakeOver).toBe(true);
});

it('should not be for the length of a lease after an outage in which nothing ran', async () => {
  away = true;
  const rounds = async () => {
    for (let second = 0; second <= 8; second += 1) {
      vi.advanceTimersByTime(1000);
      await round();
    }
  };
  await expect(rounds()).rejects.toThrow('gone');
  quietForALease();
});

it('should not be for the length of a lease after an answer that took long, although nothing failed', async () => {
  using _held = leases.hold({ fence, lost: () => undefined });
  answerMs = 12_000;
  await round();
  quietForALease();
});

it('should be renewed in time, however long each question waits for its answer', async () => {
  answerMs = 4000;
  const renewals: number[] = [];
  const startedAt = Date.now();
  while (Date.now() - startedAt < 2 * leaseMs) {
    using _held = leases.hold({ fence, lost: () => undefined });
    vi.advanceTimersByTime(1000);
    sent = [];
    await round();
    if (sent.some((text) => text.includes('set lease_until'))) renewals.push(Date.now() - startedAt);
  }
  const gaps = renewals.map((at, place) => at - (renewals[place - 1] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(leaseMs / 1.5);
  expect(renewals.length).toBeGreaterThan(3);
});
