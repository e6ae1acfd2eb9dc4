import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { QueueName } from '../../queues.ts';
import { noRates, Tokens } from './rates.ts';
import { allowances, fewInWindow, inTurn, type WindowState } from './window.ts';

const queue: QueueName = 'dataset';
const other: QueueName = 'mail';
const limits = { size: 100, isolatedPerTenant: 2, rates: noRates };
const state = (
  standing: Record<string, number>,
  waiting: string[],
  held: Record<string, number> = {},
): WindowState => ({
  standing: [...new Set([...Object.keys(standing), ...Object.keys(held)])].map((tenantId) => ({
    queue,
    tenantId,
    standing: standing[tenantId] ?? 0,
    held: held[tenantId] ?? 0,
    priority: 5,
  })),
  waiting: waiting.map((tenantId) => ({ queue, tenantId, seconds: 1, top: 5, topIsolated: 0 })),
  after: undefined,
  next: undefined,
  fetched: [queue, other],
  unserved: [],
});
const candidates = (tenantId: string, count: number, priority = 5) =>
  Array.from({ length: count }, (_, place) => ({ queue, tenantId, id: `${tenantId}${place}`, priority }));

it('should wait until a quarter of the window is free, but let who has few in it in at once', () => {
  const full = state({ crowd: 90 }, ['crowd', 'newcomer']);
  expect(allowances(full, limits)).toEqual([{ queue, tenantId: 'newcomer', most: fewInWindow, isolated: 2 }]);
  const freer = state({ crowd: 70 }, ['crowd', 'newcomer']);
  expect(allowances(freer, limits).map(({ tenantId }) => tenantId)).toEqual(['crowd', 'newcomer']);
});

it('should let few in where the workers pull: what wakes them, what binds its tenant, and all of a limited queue', () => {
  const pulled = { ...state({ crowd: 5 }, ['crowd', 'newcomer']), fetched: [] };
  const wide = { ...limits, size: 5000 };
  expect(allowances(pulled, wide).map(({ most }) => most)).toEqual([59, 59]);
  expect(inTurn(candidates('crowd', 200), pulled, wide)).toHaveLength(59);
  const full = { ...state({ crowd: 64 }, ['crowd', 'newcomer']), fetched: [] };
  expect(allowances(full, wide)).toMatchObject([{ tenantId: 'newcomer', most: fewInWindow, isolated: 2 }]);
  const rates = { ...noRates, queues: new Map([[queue, { perSecond: 1000 }]]) };
  expect(allowances(pulled, { ...wide, rates })[0]?.most).toBe(2500);
});

it('should let no more stand in Redis of a queue without workers than wakes those that come', () => {
  const unserved = { ...state({ crowd: 5 }, ['crowd']), unserved: [queue] };
  expect(allowances(unserved, { ...limits, size: 5000 }).map(({ most }) => most)).toEqual([59]);
  const rates = { ...noRates, queues: new Map([[queue, { perSecond: 1000 }]]) };
  expect(allowances(unserved, { ...limits, size: 5000, rates }).map(({ most }) => most)).toEqual([59]);
});

it('should let nobody stand beside them there, however little of his does', () => {
  const unserved = { ...state({ crowd: 64 }, ['newcomer']), unserved: [queue] };
  const wide = { ...limits, size: 5000 };
  expect(allowances(unserved, wide)).toEqual([]);
  const freer = { ...state({ crowd: 60 }, ['one', 'two']), unserved: [queue] };
  const rows = [...candidates('one', 8), ...candidates('two', 8)];
  expect(inTurn(rows, freer, wide)).toHaveLength(4);
});

it('should not look for room for a task of a high priority that its tenant may not have now', () => {
  const bound = { queue, tenantId: 'crowd', seconds: 1, top: 5, topIsolated: 9 };
  const full = (held: number) => ({ ...state({ crowd: 100 }, [], { crowd: held }), waiting: [bound] });
  expect(allowances(full(2), limits)).toEqual([]);
  expect(allowances(full(1), limits)).toEqual([{ queue, tenantId: 'crowd', most: fewInWindow, isolated: 1 }]);
});

it('should let a few of a high priority into a full window, past what the same tenant has there of lower ones', () => {
  const full = state({ crowd: 100 }, ['crowd']);
  const urgent = { ...full, waiting: [{ queue, tenantId: 'crowd', seconds: 1, top: 9, topIsolated: 0 }] };
  expect(allowances(full, limits)).toEqual([]);
  expect(allowances(urgent, limits)).toEqual([{ queue, tenantId: 'crowd', most: fewInWindow, isolated: 2 }]);
  const rows = [...candidates('crowd', 1, 9), ...candidates('crowd', 7, 5)];
  expect(inTurn(rows, urgent, limits)).toEqual([{ id: 'crowd0', place: 0 }]);
  const others = [{ queue, tenantId: 'crowd', priority: 9, standing: fewInWindow, held: 0 }];
  expect(allowances({ ...urgent, standing: [...full.standing, ...others] }, limits)).toEqual([]);
});

it('should bind a tenant by what it has QUEUED and RUNNING of bound tasks', () => {
  const [pair] = allowances(state({ one: 1 }, ['one'], { one: 1 }), limits);
  expect(pair?.isolated).toBe(1);
  const [bound] = allowances(state({}, ['one'], { one: 5 }), limits);
  expect(bound?.isolated).toBe(0);
});

it('should take tenants in turn, who has least first, high priorities first within a turn', () => {
  const now = state({ one: 2 }, ['one', 'two', 'three']);
  const rows = [...candidates('one', 3), ...candidates('two', 3), ...candidates('three', 3, 9)];
  const taken = inTurn(rows, now, limits);
  expect(taken.map(({ id }) => id)).toEqual([
    ...['three0', 'two0', 'three1', 'two1', 'three2', 'one0', 'two2', 'one1', 'one2'],
  ]);
  expect(taken.find(({ id }) => id === 'one0')?.place).toBe(2);
});

it('should count queues apart', () => {
  const now: WindowState = {
    ...state({}, ['one']),
    standing: [{ queue: other, tenantId: 'one', priority: 5, standing: 100, held: 0 }],
  };
  expect(allowances(now, limits)).toMatchObject([{ queue, most: 100 }]);
});

it('should never fill the window beyond its size, save for who has few', () => {
  const tenants = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      tenants,
      fc.array(fc.nat(120), { minLength: 12, maxLength: 12 }),
      fc.nat(200),
      (names, before, rows) => {
        const standing = Object.fromEntries(names.map((name, place) => [name, before[place] ?? 0]));
        const now = state(standing, names);
        const pairs = allowances(now, limits);
        const waiting = pairs.flatMap(({ tenantId, most }) => candidates(tenantId, Math.min(most, rows)));
        const taken = inTurn(waiting, now, limits);
        const total = Object.values(standing).reduce((sum, count) => sum + count, 0);
        const room = Math.max(0, limits.size - total);
        const few = taken.filter(({ place }) => place < fewInWindow).length;
        expect(taken.length).toBeLessThanOrEqual(Math.max(room, few));
        expect(new Set(taken.map(({ id }) => id)).size).toBe(taken.length);
      },
    ),
  );
});

it('should let in no more than there are tokens for, of the queue and of each tenant', () => {
  const now = state({}, ['one', 'two']);
  const tokens = new Tokens();
  tokens.set(queue, '00000000-0000-0000-0000-000000000000', 5);
  tokens.set(queue, 'one', 2.9);
  const pairs = allowances(now, limits, tokens);
  expect(pairs.map(({ most }) => most)).toEqual([2, 5]);
  const taken = inTurn([...candidates('one', 4), ...candidates('two', 9)], now, limits, tokens);
  expect(taken.map(({ id }) => id)).toEqual(['one0', 'two0', 'one1', 'two1', 'two2']);
  expect(tokens.spent).toEqual([
    { queue, tenantId: '00000000-0000-0000-0000-000000000000', tokens: 5 },
    { queue, tenantId: 'one', tokens: 2 },
  ]);
});
