/** The queue registry: the only list of queues there is. Adding a queue is one line here. */

/** Pools: worker processes that consume the same queues and are scaled as one. Each queue is in one of them. */
export const pools = {
  interactive: { serves: 'what a person or a caller waits for' },
  ingest: { serves: 'documents on their way into the index: long, and heavy on CPU and memory' },
  background: { serves: 'what nobody waits for: schedules, traces, logs, deletions' },
  ai: { serves: 'calls of AI services, short and long' },
} as const satisfies Record<string, { readonly serves: string }>;

export type PoolName = keyof typeof pools;

export const poolNames = Object.keys(pools) as [PoolName, ...PoolName[]];

/** Share of a process's slots when several queues have work: high before normal before low, none starved. */
export type QueueTier = 'high' | 'normal' | 'low';

export interface QueueDefinition {
  readonly tier: QueueTier;
  /** Whose workers consume it where `MILLRACE_POOL` is set. */
  readonly pool: PoolName;
  /** What the queue carries, for the reference. */
  readonly carries: string;
}

export const queues = {
  priority_dataset: { tier: 'high', pool: 'interactive', carries: 'dataset work a person waits for' },
  priority_pipeline: { tier: 'high', pool: 'interactive', carries: 'pipeline work a person waits for' },
  dataset: {
    tier: 'normal',
    pool: 'ingest',
    carries: 'indexing, re-indexing, segments, annotations, cleaning of vectors',
  },
  pipeline: { tier: 'normal', pool: 'ingest', carries: 'extraction, chunking, metadata, format conversion' },
  mail: { tier: 'normal', pool: 'interactive', carries: 'every e-mail' },
  ops_trace: {
    tier: 'normal',
    pool: 'background',
    carries: 'traces to an outside tracing product, queue monitor, embedding-cache cleaning',
  },
  app_deletion: { tier: 'normal', pool: 'background', carries: 'cascade after an app is deleted' },
  plugin: { tier: 'normal', pool: 'interactive', carries: 'install, init, verify, invoke, upgrade checks' },
  workflow_storage: { tier: 'normal', pool: 'background', carries: 'run and node logs' },
  conversation: { tier: 'normal', pool: 'background', carries: 'conversation processing, message retention' },
  workflow: { tier: 'normal', pool: 'interactive', carries: 'workflow runs' },
  schedule_poller: { tier: 'normal', pool: 'background', carries: 'finds due workflow schedules' },
  schedule_executor: { tier: 'normal', pool: 'background', carries: 'runs a scheduled workflow' },
  triggered_workflow_dispatcher: {
    tier: 'normal',
    pool: 'interactive',
    carries: 'dispatches webhook- and plugin-triggered workflows',
  },
  trigger_refresh_executor: { tier: 'normal', pool: 'background', carries: 'refreshes trigger subscriptions' },
  retention: { tier: 'low', pool: 'background', carries: 'deletes old logs, runs, expired tokens, temporary files' },
  fast_tasks: { tier: 'high', pool: 'ai', carries: 'short AI service calls, sample tasks' },
  heavy_tasks: { tier: 'low', pool: 'ai', carries: 'long AI service calls' },
} as const satisfies Record<string, QueueDefinition>;

export type QueueName = keyof typeof queues;

export const queueNames = Object.keys(queues) as QueueName[];

export function isQueueName(name: string): name is QueueName {
  return Object.hasOwn(queues, name);
}

/** The queues of a pool, in the order of the registry. */
export const queuesOfPool = (pool: PoolName): QueueName[] => queueNames.filter((name) => queues[name].pool === pool);

/**
 * BullMQ's key prefix of a queue, the same in every topology. The braces are a Redis hash tag: all keys of a queue share a
 * cluster slot, which BullMQ's scripts need.
 */
export function queuePrefix(queue: QueueName): string {
  return `{millrace:${queue}}`;
}
