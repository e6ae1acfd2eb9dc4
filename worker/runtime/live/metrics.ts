/** What is counted of live events. */
import { Counter, Gauge, type Registry } from 'prom-client';

/** Why an event was not written: Redis is away, the queue before it is full, Redis gave an error or no answer. */
export type DropReason = 'away' | 'full' | 'refused';
export type ListenerScope = 'task' | 'user' | 'tenant';

export interface LiveMetrics {
  written(events: number): void;
  dropped(reason: DropReason, events: number): void;
  /** Not written because nobody listens. */
  unwanted(events: number): void;
  read(events: number): void;
  /** The ledger was asked because streams may have lost something. */
  recovered(): void;
  /** Call when a listener comes; call what it returns when it goes. */
  listening(scope: ListenerScope): () => void;
}

export function createLiveMetrics(registry: Registry): LiveMetrics {
  const registers = [registry];
  const written = new Counter({
    name: 'millrace_live_events_written_total',
    help: 'Events that this process has written to their streams.',
    registers,
  });
  const dropped = new Counter({
    name: 'millrace_live_events_dropped_total',
    help: 'Events that were not written: Redis away, the queue before it full, or refused. The ledger has what they told.',
    labelNames: ['reason'] as const,
    registers,
  });
  const unwanted = new Counter({
    name: 'millrace_live_events_unwanted_total',
    help: 'Events that were not written because nobody listens to any tenant of their stream.',
    registers,
  });
  const read = new Counter({
    name: 'millrace_live_events_read_total',
    help: 'Events that this process has read, of tenants that somebody listens to or that share a stream with one.',
    registers,
  });
  const recoveries = new Counter({
    name: 'millrace_live_recoveries_total',
    help: 'Times that the ledger was asked for a tenant because its stream may have lost something.',
    registers,
  });
  const listeners = new Gauge({
    name: 'millrace_live_listeners',
    help: 'Subscriptions to tasks, users and tenants in this process.',
    labelNames: ['scope'] as const,
    registers,
  });
  return {
    written: (events) => written.inc(events),
    dropped: (reason, events) => dropped.inc({ reason }, events),
    unwanted: (events) => unwanted.inc(events),
    read: (events) => read.inc(events),
    recovered: () => recoveries.inc(),
    listening(scope) {
      listeners.inc({ scope });
      return () => listeners.dec({ scope });
    },
  };
}
