/** What waits in each queue, asked of the database when a beat is scraped: the figures are of the whole system, not of one process. */
import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../db/index.ts';
import { queueNames } from '../queues.ts';
import { queueDepths } from '../runtime/index.ts';
import { SharedAnswer } from '../shared-answer.ts';
import { within } from '../within.ts';

/** A scrape waits no longer for the database: what is known is told, and the answer is there for the next one. */
const askMs = 1000;
/** Depths are counted no more often, however many scrape, */
const countEveryMs = 10_000;
/** nor in more than a twentieth of the time: with a million waiting a count reads as many rows. */
const restFactor = 20;
/** But for longer than this nobody is told what is old: what a count took may have been a wait for the database. */
const mostRestMs = 60_000;
const statuses = ['pending', 'queued', 'running', 'retrying'] as const;

/** Runs `ask` when it is called, never twice at once and not before `restMs` of its last end; waits for it for a second at most. */
function asker(ask: () => Promise<void>, restMs: (tookMs: number) => number): () => Promise<void> {
  // the database may be away: what is known stays, and the other figures are told
  const shared = new SharedAnswer(() => ask().catch(() => undefined), restMs);
  return () => within(askMs, shared.get(), () => undefined);
}

/** @param leads depths are told by the beat that leads only, so that a sum over all beats is right and two do not count the same */
export function createQueueMetrics(registry: Registry, db: Pick<Database, 'query'>, leads: () => boolean): void {
  const registers = [registry];
  const overThreshold: Gauge<'queue'> = new Gauge({
    name: 'millrace_queue_over_threshold',
    help: 'Tasks that wait in a queue which the queue monitor found over QUEUE_MONITOR_THRESHOLD.',
    labelNames: ['queue'] as const,
    registers,
    collect: asker(
      async () => {
        const over = await db.query<{ queue: string; waiting: number }>('select queue, waiting from queue_alerts');
        overThreshold.reset();
        for (const { queue, waiting } of over) overThreshold.set({ queue }, waiting);
      },
      () => 0,
    ),
  });

  const count = asker(
    async () => {
      const depths = new Map((await queueDepths(db)).map((depth) => [depth.queue, depth]));
      for (const queue of queueNames) {
        const depth = depths.get(queue);
        for (const status of statuses) tasks.set({ queue, status }, depth?.[status] ?? 0);
        due.set({ queue }, depth?.due ?? 0);
        oldest.set({ queue }, depth?.oldestSeconds ?? 0);
      }
    },
    (tookMs) => Math.min(Math.max(countEveryMs, restFactor * tookMs), mostRestMs),
  );
  // of each of them: a scrape asks all its metrics at once
  async function collect(this: Gauge): Promise<void> {
    if (leads()) await count();
    else this.reset();
  }
  const tasks = new Gauge({
    name: 'millrace_queue_tasks',
    help: 'Durable tasks that have not ended, by queue and state. Told by the beat that leads.',
    labelNames: ['queue', 'status'] as const,
    registers,
    collect,
  });
  const due = new Gauge({
    name: 'millrace_queue_due',
    help: 'Durable tasks whose time has come and that no worker has taken. Told by the beat that leads.',
    labelNames: ['queue'] as const,
    registers,
    collect,
  });
  const oldest = new Gauge({
    name: 'millrace_queue_oldest_due_seconds',
    help: 'For how long the oldest of those has been due; 0 when there is none. Told by the beat that leads.',
    labelNames: ['queue'] as const,
    registers,
    collect,
  });
}
