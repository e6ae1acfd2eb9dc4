import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Grouped } from './grouped.ts';

/** A store that notes each statement; `refused` items make their statement fail. */
function store(lanes: number, most = 100, spacing?: { ms: number; enough: number }) {
  const statements: number[][] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const grouped = new Grouped<number, string>({
    most,
    lanes,
    spacing,
    write: async (items) => {
      underWay += 1;
      mostUnderWay = Math.max(mostUnderWay, underWay);
      statements.push([...items]);
      await wait(5);
      underWay -= 1;
      if (items.some((item) => item < 0)) throw new Error(`refused ${items.join(' ')}`);
      if (items.some((item) => item === 0)) throw Object.assign(new Error('gone'), { code: '57P01' });
      return items.map((item) => `wrote ${item}`);
    },
  });
  return { grouped, statements, mostUnderWay: () => mostUnderWay };
}

it('should write what comes in one turn together, and answer each with its own', async () => {
  const { grouped, statements } = store(1);
  expect(await Promise.all([3, 1, 2].map((item) => grouped.add(item)))).toEqual(['wrote 3', 'wrote 1', 'wrote 2']);
  expect(statements).toEqual([[3, 1, 2]]);
});

it('should collect while its lanes are taken, and have no more statements under way than lanes', async () => {
  const { grouped, statements, mostUnderWay } = store(2);
  const all: Promise<string>[] = [];
  for (let item = 1; item <= 30; item += 1) {
    all.push(grouped.add(item));
    await wait(0);
  }
  await Promise.all(all);
  expect(mostUnderWay()).toBe(2);
  expect(statements.length).toBeLessThan(30);
  expect(statements.flat()).toHaveLength(30);
});

it('should take no more than its most into a statement', async () => {
  const { grouped, statements } = store(4, 10);
  await Promise.all(Array.from({ length: 25 }, (_, item) => grouped.add(item + 1)));
  expect(statements.map((items) => items.length)).toEqual([10, 10, 5]);
});

it('should let only the bad one fail when a statement is refused', async () => {
  const { grouped } = store(1);
  const ended = await Promise.allSettled([1, -2, 3].map((item) => grouped.add(item)));
  expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('should fail all of a group at once when the database is away: each caller tries again by itself', async () => {
  const { grouped, statements } = store(1);
  const ended = await Promise.allSettled([1, 0, 3].map((item) => grouped.add(item)));
  expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(statements).toHaveLength(1);
  expect(await grouped.add(4)).toBe('wrote 4');
});

const aMinute = { ms: 60_000, enough: 3 };

it('should keep statements apart while callers come together and few items wait', async () => {
  const { grouped, statements } = store(2, 100, aMinute);
  await Promise.all([grouped.add(1), grouped.add(2)]);
  const few = [grouped.add(3), grouped.add(4)];
  await wait(20);
  expect(statements).toEqual([[1, 2]]);
  await Promise.all([...few, grouped.add(5)]);
  expect(statements).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
});

it('should let a caller who is alone wait for nobody', async () => {
  const { grouped } = store(2, 100, aMinute);
  for (const item of [1, 2, 3]) expect(await grouped.add(item)).toBe(`wrote ${item}`);
});

it('should write what waits when the time between two statements is over', async () => {
  const { grouped, statements } = store(2, 100, { ms: 30, enough: 3 });
  const both = (items: readonly number[]) => Promise.all(items.map((item) => grouped.add(item)));
  await both([1, 2]);
  expect(await both([3, 4])).toEqual(['wrote 3', 'wrote 4']);
  expect(statements).toEqual([
    [1, 2],
    [3, 4],
  ]);
});
