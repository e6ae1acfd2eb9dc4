import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Worker } from './api.ts';
import { type Rounds, runRounds } from './rounds.ts';

let scaled: number[];
let told: string;
beforeEach(() => {
  scaled = [];
  told = '';
  vi.spyOn(console, 'log').mockReturnValue();
  vi.spyOn(console, 'error').mockImplementation((line: string) => {
    told += line;
  });
});
afterEach(() => vi.restoreAllMocks());

const some = (count: number): Worker[] =>
  Array.from({ length: count }, (_, n) => ({ id: String(n), queues: ['fast_tasks'], slots: { capacity: 4 } }));

/** On an installation that has two workers at first. */
const rounds = (given: Partial<Rounds<number>>) =>
  runRounds({
    door: {
      name: 'command',
      async scale(count) {
        scaled.push(count);
      },
    },
    installation: {
      workers: async () => some(2),
      async untilWorkers(count, signal) {
        signal?.throwIfAborted();
        return some(count);
      },
    },
    workers: [1, 2, 3],
    signal: new AbortController().signal,
    measure: async (live) => live.length * 10,
    ...given,
  });

describe('the rounds of the scaling test', () => {
  it('should measure each number of workers, and scale back to what was there', async () => {
    expect(await rounds({})).toEqual([10, 20, 30]);
    expect(scaled).toEqual([1, 2, 3, 2]);
  });

  it('should not scale back to the number that is there', async () => {
    await rounds({ workers: [1, 2] });
    expect(scaled).toEqual([1, 2]);
  });

  it('should scale back when one fails', async () => {
    const failing = rounds({ measure: () => Promise.reject(new Error('a threshold was broken')) });
    await expect(failing).rejects.toThrow('a threshold was broken');
    expect(scaled).toEqual([1, 2]);
  });

  it('should scale back when they are broken off while one is measured, and begin no other', async () => {
    const controller = new AbortController();
    const broken = rounds({
      signal: controller.signal,
      async measure() {
        controller.abort(new Error('Ctrl-C'));
        return 0;
      },
    });
    await expect(broken).rejects.toThrow('Ctrl-C');
    expect(scaled).toEqual([1, 2]);
  });

  it('should let a command that scales come to its end when they are broken off, and measure nothing then', async () => {
    const controller = new AbortController();
    const measure = vi.fn(async () => 0);
    const scale = async (count: number) => {
      controller.abort(new Error('Ctrl-C'));
      await Promise.resolve();
      scaled.push(count);
    };
    await expect(rounds({ door: { name: 'command', scale }, signal: controller.signal, measure })).rejects.toThrow(
      'Ctrl-C',
    );
    expect(scaled).toEqual([1, 2]);
    expect(measure).not.toHaveBeenCalled();
  });

  it('should tell that scaling back failed, and what went wrong before all the same', async () => {
    const scale = (count: number) => (count === 2 ? Promise.reject(new Error('no such luck')) : Promise.resolve());
    await expect(
      rounds({
        door: { name: 'command', scale },
        measure: () => Promise.reject(new Error('a threshold was broken')),
      }),
    ).rejects.toThrow('a threshold was broken');
    expect(told).toBe('scaling: there are not 2 workers again as before: no such luck');
  });
});
