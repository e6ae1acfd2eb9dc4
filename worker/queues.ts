/** The queue registry: the only list of queues there is. Adding a queue is one line here. */

/** Share of a process's slots when several queues have work: high before normal before low, none starved. */
export type QueueTier = 'high' | 'normal' | 'low';

export interface QueueDefinition {
  readonly tier: QueueTier;
  /** What the queue carries, for the reference. */
  readonly carries: string;
}

export const queues = {
  priority_dataset: { tier: 'high', carries: 'dataset work a person waits for' },
  priority_pipeline: { tier: 'high', carries: 'pipeline work a person waits for' },
  dataset: { tier: 'normal', carries: 'indexing, re-indexing, segments, annotations, cleaning of vectors' },
  pipeline: { tier: 'normal', carries: 'extraction, chunking, metadata, format conversion' },
  mail: { tier: 'normal', carries: 'every e-mail' },
  ops_trace: {
    tier: 'normal',
    carries: 'traces to an outside tracing product, queue monitor, embedding-cache cleaning',
  },
  app_deletion: { tier: 'normal', carries: 'cascade after an app is deleted' },
  plugin: { tier: 'normal', carries: 'install, init, verify, invoke, upgrade checks' },
  workflow_storage: { tier: 'normal', carries: 'run and node logs' },
  conversation: { tier: 'normal', carries: 'conversation processing, message retention' },
  workflow: { tier: 'normal', carries: 'workflow runs' },
  schedule_poller: { tier: 'normal', carries: 'finds due workflow schedules' },
  schedule_executor: { tier: 'normal', carries: 'runs a scheduled workflow' },
  triggered_workflow_dispatcher: { tier: 'normal', carries: 'dispatches webhook- and plugin-triggered workflows' },
  trigger_refresh_executor: { tier: 'normal', carries: 'refreshes trigger subscriptions' },
  retention: { tier: 'low', carries: 'deletes old logs, runs, expired tokens, temporary files' },
  fast_tasks: { tier: 'high', carries: 'short AI service calls, sample tasks' },
  heavy_tasks: { tier: 'low', carries: 'long AI service calls' },
} as const satisfies Record<string, QueueDefinition>;

export type QueueName = keyof typeof queues;

export const queueNames = Object.keys(queues) as QueueName[];

export function isQueueName(name: string): name is QueueName {
  return Object.hasOwn(queues, name);
}

/**
 * BullMQ's key prefix of a queue, the same in every topology. The braces are a Redis hash tag: all keys of a queue share a
 * cluster slot, which BullMQ's scripts need.
 */
export function queuePrefix(queue: QueueName): string {
  return `{millrace:${queue}}`;
}
