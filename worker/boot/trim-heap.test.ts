import { expect, it } from 'vitest';
import { trimHeap } from './trim-heap.ts';

it('should collect what nobody holds any more, and leave no way to do so to others', () => {
  let held: object[] = Array.from({ length: 1_000_000 }, (_, n) => ({ n }));
  expect(held).toHaveLength(1_000_000);
  const before = process.memoryUsage().heapUsed;
  held = [];
  trimHeap();
  // an object takes 16 bytes or more, and its place in the list 4 or more
  expect(process.memoryUsage().heapUsed).toBeLessThan(before - 15_000_000);
  expect(held).toEqual([]);
  expect('gc' in globalThis).toBe(false);
});
