/** Names of metrics, for k6's scripts and for what reads their summaries. */
export const metricNames = {
  enqueue: 'millrace_enqueue',
  queueWait: 'millrace_queue_wait',
  service: 'millrace_service',
  endToEnd: 'millrace_end_to_end',
  accepted: 'millrace_accepted',
  completed: 'millrace_completed',
  failed: 'millrace_failed',
  lost: 'millrace_lost',
  refused: 'millrace_refused',
  throughput: 'millrace_throughput',
  acceptedAt: 'millrace_accepted_at',
  endedAt: 'millrace_ended_at',
  firstAccepted: 'millrace_first_accepted',
  lastFinished: 'millrace_last_finished',
  workers: 'millrace_workers',
} as const;

/** The four stretches of a task's life, in their order. */
export const stages = ['enqueue', 'queueWait', 'service', 'endToEnd'] as const;
export type Stage = (typeof stages)[number];

/** Seconds that the chart over time shows; what comes later stands in the last. */
export const chartSeconds = 300;
/** Percentiles that every Trend is summed up by: the points of the percentile curves. */
export const percentiles = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9] as const;
