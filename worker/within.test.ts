import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { answered, within } from './within.ts';

const never = new Promise<string>(() => undefined);

it('should give what the work gives, and leave no timer behind', async () => {
  vi.useFakeTimers();
  expect(await within(60_000, Promise.resolve('done'), () => 'late')).toBe('done');
  await expect(within(60_000, Promise.reject(new Error('broken')), () => 'late')).rejects.toThrow('broken');
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

it('should give or throw what is for the late, and leave the work to itself, however it ends', async () => {
  expect(await within(1, never, () => 'late')).toBe('late');
  expect(await within(1, never, async () => 'late too')).toBe('late too');
  const failing = wait(20).then(() => {
    throw new Error('nobody hears of it');
  });
  await expect(answered(1, failing, 'redis')).rejects.toThrow('redis gave no answer within 1 ms');
  await expect(answered(1, never)).rejects.toThrow(/^no answer within 1 ms$/);
  await failing.catch(() => undefined);
});

it('should not call the late after the work was done', async () => {
  let called = false;
  await within(1, Promise.resolve(), () => {
    called = true;
  });
  await wait(20);
  expect(called).toBe(false);
});
