import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { WorkerClass } from '../config/config.ts';
import { watchMemory } from './memory-watch.ts';

const mebibyte = 1024 * 1024;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A process that grows by 10 MiB a second, from 100. */
function growing(workerClass: WorkerClass) {
  const reasons: string[] = [];
  const began = Date.now();
  const residentBytes = () => (100 + (Date.now() - began) / 100) * mebibyte;
  const watch = watchMemory({ workerClass, maxMib: 200, residentBytes, wearOut: (reason) => reasons.push(reason) });
  return { reasons, watch };
}

it.each<WorkerClass>(['async', 'solo'])(
  'should ask once for a worker of class %s that has grown too large to be started anew',
  (workerClass) => {
    const { reasons } = growing(workerClass);
    vi.advanceTimersByTime(10_000);
    expect(reasons).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(reasons).toEqual(['it holds 300 MB, more than MILLRACE_MAX_MEMORY_PER_CHILD (200)']);
  },
);

it.each<WorkerClass>(['threads', 'prefork'])(
  'should leave %s to the recycling of those that run the handlers',
  (workerClass) => {
    const { reasons } = growing(workerClass);
    vi.advanceTimersByTime(60_000);
    expect(reasons).toEqual([]);
  },
);

it('should look no more once it is disposed', () => {
  const { reasons, watch } = growing('async');
  watch[Symbol.dispose]();
  vi.advanceTimersByTime(60_000);
  expect(reasons).toEqual([]);
});
