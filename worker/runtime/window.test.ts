import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noRates } from './ledger/rates.ts';
import { fewInWindow, type WindowState } from './ledger/window.ts';
import { Window } from './window.ts';

const queue = 'fast_tasks' as const;
const size = 40;
const standing = (count: number, tenantId = 'crowd') => ({ queue, tenantId, priority: 5, standing: count, held: 0 });
const state = (more: Partial<WindowState> = {}): WindowState => ({
  standing: [],
  waiting: [],
  after: undefined,
  next: undefined,
  fetched: [queue],
  unserved: [],
  ...more,
});
const waits = (tenantId: string, seconds: number) => ({ queue, tenantId, seconds, top: 5, topIsolated: 0 });
const knowing = (known: WindowState, rates = noRates) => {
  const window = new Window({ size, isolatedPerTenant: 2, rates });
  window.learn(known);
  return window;
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('should let in past the relay up to half of its size, and who has few up to the whole', () => {
  const window = knowing(state());
  const places = Array.from({ length: size }, () => window.admit(queue, 'crowd', 5));
  expect(places.slice(0, size / 2)).toEqual(Array.from({ length: size / 2 }, (_, place) => place));
  expect(places.slice(size / 2)).toEqual(Array(size / 2).fill(undefined));
  const few = Array.from({ length: fewInWindow + 1 }, () => window.admit(queue, 'newcomer', 5));
  expect(few).toEqual([...Array.from({ length: fewInWindow }, (_, place) => place), undefined]);
  expect(knowing(state({ standing: [standing(size)] })).admit(queue, 'newcomer', 5)).toBeUndefined();
});

it('should let nobody pass what the same tenant has waiting in Postgres', () => {
  const window = knowing(state({ waiting: [waits('crowd', 0)] }));
  expect(window.admit(queue, 'crowd', 5)).toBeUndefined();
  expect(window.admit(queue, 'newcomer', 5)).toBe(0);
});

describe('with more who wait than one look passes', () => {
  const last = { queue, tenantId: 'm' };
  const first = state({ next: last, waiting: [waits('crowd', 1)] });
  const second = state({ after: last, waiting: [waits('other', 1)] });

  it('should let nobody in before it has passed all of them', () => {
    const window = knowing(first);
    expect(window.admit(queue, 'newcomer', 5)).toBeUndefined();
    window.learn(second);
    expect(window.admit(queue, 'newcomer', 5)).toBe(0);
    expect(window.admit(queue, 'crowd', 5)).toBeUndefined();
    expect(window.admit(queue, 'other', 5)).toBeUndefined();
  });

  it('should go by who waited at the last look and by who waits since, and forget who does not', () => {
    const window = knowing(first);
    window.learn(second);
    window.learn(state({ next: last, waiting: [waits('third', 1)] }));
    for (const tenantId of ['crowd', 'other', 'third']) expect(window.admit(queue, tenantId, 5)).toBeUndefined();
    window.learn(state({ after: last }));
    expect(window.admit(queue, 'crowd', 5)).toBe(0);
    expect(window.admit(queue, 'third', 5)).toBeUndefined();
  });

  it('should let nobody in when the looks take too long to pass all', () => {
    const window = knowing(first);
    window.learn(second);
    window.learn(first);
    for (let look = 0; look < 4; look += 1) {
      expect(window.admit(queue, 'newcomer', 5)).toBe(look);
      vi.advanceTimersByTime(1500);
      window.learn(state({ after: last, next: last, standing: [standing(look + 1, 'newcomer')] }));
    }
    expect(window.admit(queue, 'newcomer', 5)).toBeUndefined();
    window.learn(state({ after: last }));
    expect(window.admit(queue, 'newcomer', 5)).toBeUndefined();
  });

  it('should tell workers that pull of those whom earlier looks have found, until a whole one has not', () => {
    const window = knowing(first);
    window.learn(second);
    expect(new Set(window.waitingIn(queue))).toEqual(new Set(['crowd', 'other']));
    window.learn(state({ next: last }));
    expect(new Set(window.waitingIn(queue))).toEqual(new Set(['crowd', 'other']));
    window.learn(state({ after: last }));
    expect(window.waitingIn(queue)).toEqual([]);
  });
});

it('should let pass what is on its way to workers that pull, but nothing that waits there for longer', () => {
  const waiting = (seconds: number) => state({ waiting: [waits('crowd', seconds)], fetched: [] });
  expect(knowing(waiting(0.01)).admit(queue, 'crowd', 5)).toBe(0);
  expect(knowing(waiting(0.2)).admit(queue, 'crowd', 5)).toBeUndefined();
});

it('should let in no more than wakes the workers while somebody waits for them to pull', () => {
  const learned = (waiting: WindowState['waiting']) => {
    const window = new Window({ size: 5000, isolatedPerTenant: 2, rates: noRates });
    window.learn(state({ standing: [standing(60)], waiting, fetched: [] }));
    return Array.from({ length: 100 }, () => window.admit(queue, 'crowd', 5)).filter((place) => place !== undefined);
  };
  expect(learned([])).toHaveLength(100);
  expect(learned([waits('newcomer', 0.2)])).toHaveLength(4);
});

it('should let in no more than wakes those that come where there are no workers', () => {
  const window = new Window({ size: 5000, isolatedPerTenant: 2, rates: noRates });
  window.learn(state({ standing: [standing(60)], unserved: [queue] }));
  const places = Array.from({ length: 100 }, () => window.admit(queue, 'crowd', 5));
  expect(places.filter((place) => place !== undefined)).toHaveLength(4);
});

it('should let nobody else in there, however little of his stands', () => {
  const window = new Window({ size: 5000, isolatedPerTenant: 2, rates: noRates });
  window.learn(state({ standing: [standing(64)], unserved: [queue] }));
  expect(window.admit(queue, 'newcomer', 9)).toBeUndefined();
});

it('should give a task its place among those of its priority and above', () => {
  const window = knowing(state({ standing: [standing(10)] }));
  expect([5, 9, 9, 5].map((priority) => window.admit(queue, 'crowd', priority))).toEqual([10, 0, 1, 13]);
});

it('should let nobody in past a rate limit', () => {
  const rates = { ...noRates, queues: new Map([[queue, { perSecond: 5 }]]) };
  expect(knowing(state(), rates).admit(queue, 'crowd', 5)).toBeUndefined();
});

it('should go by nothing that is old, or was never read', () => {
  const window = knowing(state());
  expect(window.admit(queue, 'crowd', 5)).toBe(0);
  vi.advanceTimersByTime(2500);
  expect(window.admit(queue, 'crowd', 5)).toBeUndefined();
  expect(new Window({ size, isolatedPerTenant: 2, rates: noRates }).admit(queue, 'crowd', 5)).toBeUndefined();
});
