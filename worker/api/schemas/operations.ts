/** Queues, dead letters and workers. */
import { z } from 'zod';
import type { QueueJson, QueuesJson, ReadinessJson, WorkerJson } from '../types/operations.ts';
import { components, intInQuery, isoTime, queueName, taskName, uuid } from './common.ts';

const count = z.int();

export const queueSchema: z.ZodType<QueueJson> = z
  .object({
    name: z.string(),
    tier: z.enum(['high', 'normal', 'low']),
    carries: z.string(),
    paused: z.boolean(),
    depth: z
      .object({ pending: count, queued: count, running: count, retrying: count })
      .meta({ description: 'Durable tasks, over all tenants.' }),
    not_durable: z
      .object({ waiting: count, delayed: count, running: count })
      .nullable()
      .meta({ description: 'Tasks that are not durable, over all tenants; null when Redis does not answer.' }),
    redis: z.object({ wait: count, prioritized: count, active: count, delayed: count }).nullable(),
    oldest_seconds: z.number(),
    consumers: count,
  })
  .register(components, { id: 'Queue' });

export const queuesSchema: z.ZodType<QueuesJson> = z.object({
  counted_at: isoTime.meta({ description: 'When the durable tasks of `depth` and `oldest_seconds` were counted.' }),
  queues: z.array(queueSchema),
});

/** Dead letters handled in one bulk call. */
const maxBulk = 1000;

const everything = z.boolean().optional().meta({
  description: 'Needed when neither `queue` nor `task` is given, so that a forgotten filter touches nothing.',
});

export const deadLetterListQuery = z.strictObject({
  queue: queueName.optional(),
  task: taskName.optional(),
  limit: intInQuery(1, maxBulk, 50),
});

const filtered = {
  check: (filter: { queue?: string | undefined; task?: string | undefined; all?: boolean | undefined }) =>
    filter.all === true || filter.queue !== undefined || filter.task !== undefined,
  params: { path: ['all'], error: 'give a queue, a task, or all: true' },
};

export const deadLetterRetrySchema = z
  .strictObject({
    queue: queueName.optional(),
    task: taskName.optional(),
    all: everything,
    limit: z.int().min(1).max(maxBulk).default(maxBulk),
  })
  .refine(filtered.check, filtered.params);

export const deadLetterDropQuery = z
  .strictObject({
    queue: queueName.optional(),
    task: taskName.optional(),
    all: z
      .enum(['true', 'false'], { error: 'expected true or false' })
      .transform((word) => word === 'true')
      .optional(),
  })
  .refine(filtered.check, filtered.params);

export const workerSchema: z.ZodType<WorkerJson> = z
  .object({
    id: uuid,
    name: z.string(),
    mode: z.string(),
    queues: z.array(z.string()),
    slots: z.object({ capacity: count, busy: count }),
    running: z.array(z.object({ task_id: uuid, task: z.string(), queue: z.string(), seconds: z.number() })),
    started_at: isoTime,
    seen_at: isoTime,
  })
  .register(components, { id: 'Worker' });

export const readinessSchema: z.ZodType<ReadinessJson> = z
  .object({
    ready: z.boolean(),
    checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string().optional() })),
  })
  .register(components, { id: 'Readiness' });
