import { describe, expect, it } from 'vitest';
import { interpolated } from './not-durable.ts';

describe('times of ends that were counted now and then', () => {
  it('should be spread evenly between two counts', () => {
    const counts = [
      { atMs: 1000, count: 0 },
      { atMs: 1100, count: 2 },
      { atMs: 1200, count: 2 },
      { atMs: 1300, count: 3 },
    ];
    expect(interpolated(counts)).toEqual([1050, 1100, 1300]);
  });
});
