/** The shapes of answers about queues, workers and the process itself. Timestamps are ISO 8601 in UTC. */

export interface QueueJson {
  readonly name: string;
  readonly tier: 'high' | 'normal' | 'low';
  readonly carries: string;
  readonly paused: boolean;
  /** Live tasks in the ledger, over all tenants. */
  readonly depth: {
    readonly pending: number;
    readonly queued: number;
    readonly running: number;
    readonly retrying: number;
  };
  /** Tasks that are not durable, over all tenants: they stand in Redis alone. Null when it does not answer. */
  readonly not_durable: {
    readonly waiting: number;
    /** For their time, those that are tried again among them. */
    readonly delayed: number;
    readonly running: number;
  } | null;
  /** Jobs in Redis by BullMQ's state, of both kinds; null when Redis does not answer. */
  readonly redis: {
    readonly wait: number;
    readonly prioritized: number;
    readonly active: number;
    readonly delayed: number;
  } | null;
  /** Age of the oldest task that is due and waits. */
  readonly oldest_seconds: number;
  /** Live worker processes that take from it. */
  readonly consumers: number;
}

export interface QueuesJson {
  /** When `depth` and `oldest_seconds` were counted: with very much waiting that is done every few seconds only. */
  readonly counted_at: string;
  readonly queues: readonly QueueJson[];
}

export interface WorkerJson {
  readonly id: string;
  readonly name: string;
  readonly mode: string;
  readonly queues: readonly string[];
  readonly slots: { readonly capacity: number; readonly busy: number };
  /** The caller's own tasks; `slots.busy` counts all. */
  readonly running: readonly {
    readonly task_id: string;
    readonly task: string;
    readonly queue: string;
    readonly seconds: number;
  }[];
  readonly started_at: string;
  /** Of its last heartbeat. */
  readonly seen_at: string;
}

export interface ReadinessJson {
  readonly ready: boolean;
  readonly checks: { readonly [name: string]: { readonly ok: boolean; readonly detail?: string | undefined } };
}
