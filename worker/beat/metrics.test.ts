import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createBeatMetrics } from './metrics.ts';

it('should tell the other figures while the database says nothing, and ask it no second time meanwhile', async () => {
  const metrics = new Registry();
  let asked = 0;
  createBeatMetrics(metrics, {
    query: () => {
      asked += 1;
      return new Promise(() => undefined);
    },
  });
  await metrics.metrics();
  expect(await metrics.metrics()).toContain('\nmillrace_beat_leader 0\n');
  expect(asked).toBe(1);
});
