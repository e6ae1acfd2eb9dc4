/** What a beat counts. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Database } from '../db/index.ts';
import type { Fired } from './claim.ts';
import type { Lease } from './lease.ts';
import { createQueueMetrics } from './queue-metrics.ts';

const latenessBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 300, 3600];

export interface BeatMetrics {
  leads(lease: Lease | undefined): void;
  slots(fired: readonly Fired[], missed: number): void;
}

/** @param db asked at each scrape for the queues over their threshold: any process may have found them */
export function createBeatMetrics(registry: Registry, db: Pick<Database, 'query'>): BeatMetrics {
  const registers = [registry];
  const leader = new Gauge({ name: 'millrace_beat_leader', help: '1 in the beat that fires slots.', registers });
  const term = new Gauge({
    name: 'millrace_beat_term',
    help: 'Term of this beat while it leads: rises with every takeover.',
    registers,
  });
  const slots = new Counter({
    name: 'millrace_schedule_slots_total',
    help: 'Slots fired, and slots left out by the policy of their schedule.',
    labelNames: ['outcome'] as const,
    registers,
  });
  const lateness = new Histogram({
    name: 'millrace_schedule_lateness_seconds',
    help: 'Time from a slot being due, its jitter counted, to its task being written.',
    buckets: latenessBuckets,
    registers,
  });
  leader.set(0);
  let leading = false;
  createQueueMetrics(registry, db, () => leading);
  return {
    leads(lease) {
      leading = lease !== undefined;
      leader.set(lease ? 1 : 0);
      term.set(lease?.term ?? 0);
    },
    slots(fired, missed) {
      for (const { latenessSeconds } of fired) lateness.observe(latenessSeconds);
      slots.inc({ outcome: 'fired' }, fired.length);
      slots.inc({ outcome: 'missed' }, missed);
    },
  };
}
