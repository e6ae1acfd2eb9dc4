import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SharedAnswer } from './shared-answer.ts';

let asked: number;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  asked = 0;
});
afterEach(() => void vi.useRealTimers());

/** Takes so long, and rests ten times as long. */
const counting = (tookMs: number) =>
  new SharedAnswer(
    async () => {
      asked += 1;
      const mine = asked;
      vi.advanceTimersByTime(tookMs);
      return mine;
    },
    (took) => 10 * took,
  );

it('should be had once for all who ask at once', async () => {
  const answer = counting(5);
  expect(await Promise.all([answer.get(), answer.get(), answer.get()])).toEqual([1, 1, 1]);
});

it('should serve for as long as its rest, and then be had anew', async () => {
  const answer = counting(5);
  await answer.get();
  vi.advanceTimersByTime(49);
  expect(await answer.get()).toBe(1);
  vi.advanceTimersByTime(1);
  expect(await answer.get()).toBe(2);
});

it('should be had anew each time where it rests for no time', async () => {
  const answer = counting(0);
  expect([await answer.get(), await answer.get()]).toEqual([1, 2]);
});

it('should tell all who wait of a failure, and be asked for again by the next', async () => {
  let away = true;
  const answer = new SharedAnswer(
    async () => {
      if (away) throw new Error('gone');
      return 'there';
    },
    () => 1000,
  );
  const answers = await Promise.allSettled([answer.get(), answer.get()]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  away = false;
  expect(await answer.get()).toBe('there');
});
