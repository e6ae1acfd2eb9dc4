/** What is measured, by name: rows are looked up by these. */
export const callers = 64;

export const metrics = {
  serial: 'enqueue, one caller',
  callers: `enqueue, ${callers} callers`,
  batch: (size: number) => `enqueue, batches of ${size}`,
  drain: 'tasks that waited',
  mixed: 'tasks while they are sent',
  p50: (measure: string) => `pickup p50, ${measure}`,
  p99: (measure: string) => `pickup p99, ${measure}`,
  mean: (measure: string) => `pickup mean, ${measure}`,
  pace: 'pace of pickup',
  rss: 'resident memory of the worker before its first task',
  delivered: 'deliveries',
  tasks: 'tasks accepted',
} as const;

export const httpMetrics = {
  single: `POST /v1/tasks, ${callers} connections`,
  batch: 'POST /v1/tasks/batch of 1,000, 4 connections',
} as const;

export const idleMetric = 'resident memory, idle';
export const redisMetric = 'used_memory of Redis';

export const subjects = {
  bullmq: 'bare BullMQ',
  prefork: 'Celery, prefork 2',
  gevent: 'Celery, gevent 100',
  durable: 'Millrace, durable',
  notDurable: 'Millrace, not durable',
} as const;

/** A subject of which so much waits: the figures without such a name are of an empty queue. */
export const withWaiting = (name: string, waiting: number) => `${name}, ${waiting.toLocaleString('en')} waiting`;

/** How pickup is told. */
export const fromCall = 'from the call to the handler';
export const fromCommit = 'from the commit heard to the handler';
export const byStamps = 'from the job made to its fetch';
export const byLedger = 'from accepted_at to started_at';
