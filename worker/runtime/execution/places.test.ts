import { expect, it } from 'vitest';
import { Places } from './places.ts';

it('should give a place to whoever has waited longest, and turn away who waited too long', async () => {
  const places = new Places(1);
  expect(await places.take(0)).toBe(true);
  const order: string[] = [];
  const first = places.take(5000).then((had) => order.push(`first ${had}`));
  const second = places.take(5000).then((had) => order.push(`second ${had}`));
  expect(await places.take(10)).toBe(false);
  places.give();
  await first;
  places.give();
  await second;
  expect(order).toEqual(['first true', 'second true']);
  places.give();
  expect(await places.take(0)).toBe(true);
});
