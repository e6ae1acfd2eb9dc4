/** What is told of a live worker. */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import type { Consumer } from './consumer.ts';
import { openLedger } from './testing/ledger.ts';
import { liveWorkers, registerWorker } from './worker-registry.ts';

it('should be its slots as they are, also after it was given more', async () => {
  const db = await openLedger();
  const slots = { capacity: 2, busy: 0 };
  const identity = { id: randomUUID(), name: 'test', mode: 'worker', queues: ['fast_tasks'], pulls: true };
  const consumer = { slots, running: [] } as unknown as Consumer;
  const heartbeat = registerWorker(db, identity, consumer, pino({ level: 'silent' }));
  try {
    await vi.waitFor(async () => expect(await liveWorkers(db)).toMatchObject([{ name: 'test', slots: 2 }]), 10_000);
    slots.capacity = 6;
    heartbeat.nudge();
    await vi.waitFor(async () => expect(await liveWorkers(db)).toMatchObject([{ name: 'test', slots: 6 }]), 2000);
  } finally {
    await heartbeat.stop();
    await db.close();
  }
}, 60_000);
