import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { QueueTier } from '../queues.ts';
import { type Slot, Slots } from './slots.ts';

const tiers = ['high', 'normal', 'low'] as const;

/** Gives the loops of a process their turn: promises that are settled go on. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Hands `grants` slots out one after another to `waiters` that ask again as soon as they have one, as the loops of queues do,
 * and says who got them.
 */
async function contend(slots: Slots, waiters: readonly QueueTier[], grants: number): Promise<QueueTier[]> {
  const given: QueueTier[] = [];
  const held: Slot[] = [];
  const ask = (tier: QueueTier): void => {
    void slots.take(tier).then((slot) => {
      if (!slot) return;
      given.push(tier);
      held.push(slot);
      if (given.length < grants) ask(tier);
    });
  };
  for (const tier of waiters) ask(tier);
  await turn();
  while (given.length < grants) {
    held.shift()?.release();
    await turn();
  }
  // what asked last and still waits would take the next one's slots
  slots.close();
  return given.slice(0, grants);
}

const count = (given: readonly QueueTier[], tier: QueueTier) => given.filter((one) => one === tier).length;

it('should give slots at once while there are free ones, and none beyond', async () => {
  const slots = new Slots(2);
  const first = await slots.take('low');
  await slots.take('high');
  let third: Slot | undefined;
  void slots.take('high').then((slot) => {
    third = slot;
  });
  await turn();
  expect(third).toBeUndefined();
  expect(slots.busy).toBe(2);
  first?.release();
  await turn();
  expect(third).toBeDefined();
  expect(slots.busy).toBe(2);
});

it('should give a free slot at once to who does not wait, and none while somebody waits or after it is closed', async () => {
  const slots = new Slots(2);
  const first = slots.takeFree('low');
  expect(first).toBeDefined();
  expect(slots.takeFree('low')).toBeDefined();
  expect(slots.takeFree('high')).toBeUndefined();
  const waiting = slots.take('high');
  first?.release();
  await waiting;
  expect(slots.takeFree('low')).toBeUndefined();
  slots.resize(3);
  expect(slots.takeFree('low')).toBeDefined();
  slots.resize(4);
  slots.close();
  expect(slots.takeFree('low')).toBeUndefined();
});

it('should count a slot once, however often it is released', async () => {
  const slots = new Slots(1);
  const slot = await slots.take('normal');
  slot?.release();
  slot?.release();
  expect(slots.busy).toBe(0);
  await slots.take('normal');
  slot?.release();
  expect(slots.busy).toBe(1);
});

it.each([1, 4])('should share %i contended slots 6 : 3 : 1 between high, normal and low', async (capacity) => {
  const given = await contend(new Slots(capacity), tiers, 1000);
  expect(count(given, 'high')).toBeGreaterThanOrEqual(598);
  expect(count(given, 'high')).toBeLessThanOrEqual(602);
  expect(count(given, 'normal')).toBeGreaterThanOrEqual(298);
  expect(count(given, 'normal')).toBeLessThanOrEqual(302);
});

it('should share by tier, however many queues a tier has', async () => {
  const given = await contend(new Slots(1), ['high', 'normal', 'low', 'low', 'low', 'low'], 1000);
  expect(count(given, 'low')).toBeLessThanOrEqual(102);
  expect(count(given, 'low')).toBeGreaterThanOrEqual(98);
});

it('should share what an idle tier leaves by the weights of the others', async () => {
  const given = await contend(new Slots(1), ['high', 'low'], 700);
  expect(count(given, 'low')).toBeGreaterThanOrEqual(99);
  expect(count(given, 'low')).toBeLessThanOrEqual(101);
  expect(await contend(new Slots(1), ['low'], 10)).toHaveLength(10);
});

it('should never let low wait longer than two rounds', async () => {
  const given = await contend(new Slots(3), ['high', 'high', 'high', 'normal', 'normal', 'low'], 500);
  const at = given.flatMap((tier, index) => (tier === 'low' ? [index] : []));
  // one that is never served again waits to the end
  const gaps = [...at, given.length].map((index, place) => index - (at[place - 1] ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(20);
});

it.each(tiers)('should let %s, after it was idle for long, catch up by one round and no more', async (idle) => {
  const slots = new Slots(1);
  const others = tiers.filter((tier) => tier !== idle);
  // both others work through a thousand jobs
  for (let job = 0; job < 1000; job += 1) {
    for (const tier of others) (await slots.take(tier))?.release();
  }
  // then two queues of the tier that was idle have work too
  const given = await contend(slots, [...others, idle, idle], 100);
  const weight = { high: 6, normal: 3, low: 1 }[idle];
  expect(count(given, idle)).toBeLessThanOrEqual(weight * 10 + weight + 2);
  expect(count(given, idle)).toBeGreaterThanOrEqual(weight * 10 - 2);
});

it('should give nobody a slot once it is closed, and tell those that wait', async () => {
  const slots = new Slots(1);
  const held = await slots.take('high');
  const waiting = [slots.take('high'), slots.take('low')];
  slots.close();
  expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
  held?.release();
  expect(await slots.take('high')).toBeUndefined();
  expect(slots.busy).toBe(0);
});

it('should never hold more than its capacity, and never a free slot while somebody waits', async () => {
  const step = fc.oneof(fc.record({ take: fc.constantFrom<QueueTier>(...tiers) }), fc.record({ release: fc.nat(30) }));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), async (capacity, steps) => {
      const slots = new Slots(capacity);
      const held: Slot[] = [];
      let asked = 0;
      let given = 0;
      for (const one of steps) {
        if ('take' in one) {
          asked += 1;
          void slots.take(one.take).then((slot) => {
            given += 1;
            if (slot) held.push(slot);
          });
        } else {
          held.splice(one.release % Math.max(1, held.length), 1)[0]?.release();
        }
        await Promise.resolve();
        expect(held.length).toBeLessThanOrEqual(capacity);
        expect(slots.busy).toBeLessThanOrEqual(capacity);
        if (slots.busy < capacity) expect(given).toBe(asked);
      }
      slots.close();
    }),
  );
});

it('should give out more when there are more, and fewer as slots come back when there are fewer', async () => {
  const slots = new Slots(1);
  const held: Slot[] = [];
  const ask = () => void slots.take('high').then((slot) => slot && held.push(slot));
  for (let asked = 0; asked < 4; asked += 1) ask();
  await turn();
  expect(held).toHaveLength(1);
  slots.resize(3);
  await turn();
  expect(held).toHaveLength(3);
  slots.resize(1);
  expect([slots.busy, slots.wantedBeside('high', 'high')]).toEqual([3, true]);
  held.shift()?.release();
  held.shift()?.release();
  await turn();
  expect(held).toHaveLength(1);
  held.shift()?.release();
  await turn();
  expect([held.length, slots.busy]).toEqual([1, 1]);
  slots.close();
});
