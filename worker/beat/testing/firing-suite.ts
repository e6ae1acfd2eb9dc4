import { Registry } from 'prom-client';
import { beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../db/index.ts';
import { createLeaver, createRegistry, defineSchedule, defineTask, putSchedule } from '../../runtime/index.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { startBeat } from '../beat.ts';
import { endLease } from '../lease.ts';

const tenantId = '00000000-0000-7000-8000-00000000000a';
const registry = createRegistry([
  defineTask({
    name: 'test_tick',
    queue: 'schedule_poller',
    description: 'Ticks.',
    payload: z.strictObject({}),
    handle: async () => null,
  }),
]);
/** More than the hand-overs that a beat has under way at a time. */
const slots = 7;
/** A slot each second; on a machine that is busy. */
const firedWithinMs = 30_000;
const pollMs = 100;

/** A whole beat, on a database of the caller's. */
export function firingSuite(opened: () => Database): void {
  let db: Database;
  beforeEach(async () => {
    db = opened();
    await db.query('delete from schedules');
    await db.query('delete from schedule_slots');
    await endLease(db);
  });

  it('should go on to fire while Redis takes nothing of what was fired before', async () => {
    const redisIsBack = Promise.withResolvers<void>();
    const leaver = createLeaver(registry);
    const beat = await startBeat({
      db,
      enqueuer: {
        within: async (tx, requests) => ({
          accepted: await leaver.leave(tx, requests),
          handOver: () => redisIsBack.promise,
        }),
      },
      registry,
      schedules: [],
      tenantId,
      name: 'beat',
      keepSlotsSeconds: 3600,
      metrics: new Registry(),
      log: createLogger({ level: 'fatal' }),
    });
    try {
      const tick = defineSchedule({ name: 'tick', task: 'test_tick', everySeconds: 1, missed: 'all' });
      await putSchedule(db, registry, tenantId, tick);
      const count = async () => (await db.query('select from schedule_slots')).length;
      await expect.poll(count, { timeout: firedWithinMs, interval: pollMs }).toBeGreaterThanOrEqual(slots);
    } finally {
      redisIsBack.resolve();
      await beat.stop();
    }
  }, 40_000);
}
