import { describe, expect, test } from 'vitest';
import { Bag } from './bag.ts';

const items = Array.from({ length: 5 }, (_, n) => ({ n }));
const bagOf = (...these: readonly object[]) => {
  const bag = new Bag();
  for (const one of these) bag.add(one);
  return bag;
};

describe('a bag', () => {
  test('should hold what was added and not deleted, wherever it stood', () => {
    for (const gone of items) {
      const bag = bagOf(...items);
      expect(bag.delete(gone)).toBe(true);
      expect(new Set(bag)).toEqual(new Set(items.filter((item) => item !== gone)));
      expect(bag.size).toBe(4);
    }
  });

  test('should say that something was not in it', () => {
    const bag = bagOf({ n: 0 });
    expect(bag.delete({ n: 0 })).toBe(false);
    expect(bag.size).toBe(1);
    expect(bagOf().delete({})).toBe(false);
  });

  test('should let things go while somebody goes through it', () => {
    const bag = bagOf(...items);
    const seen = [];
    for (const item of bag) {
      bag.delete(item);
      seen.push(item);
    }
    expect(seen).toEqual(items);
    expect(bag.size).toBe(0);
  });
});
