/** Tasks as they come in and go out. */
import { z } from 'zod';
import { type Json, maxBatch, uniquePolicies } from '../../runtime/index.ts';
import type { AcceptedJson, DeadLetterJson, TaskErrorJson, TaskJson, TaskPageJson } from '../types/task.ts';
import { anyJson, components, intInQuery, isoTime, queueName, taskName, taskStatus, uuid } from './common.ts';
import { userId } from './live.ts';

/** Ten years: longer waits are mistakes of unit. */
const maxWaitSeconds = 315_360_000;
const maxUniqueKeyChars = 200;

const seconds = (min: number) =>
  z
    .number({ error: 'expected a number of seconds' })
    .min(min, { error: `expected at least ${min} seconds` })
    .max(maxWaitSeconds, { error: `expected at most ${maxWaitSeconds} seconds` });

const optionsSchema = z
  .strictObject(
    {
      queue: queueName.optional(),
      priority: z.int({ error: 'expected a whole number from 1 to 9' }).min(1).max(9).optional(),
      countdown: seconds(0).optional(),
      eta: z.iso
        .datetime({ offset: true, error: 'expected a time like 2031-05-04T12:00:00Z' })
        .optional()
        .meta({ description: 'ISO 8601. Either this or `countdown`.' }),
      expires: seconds(0.001).optional(),
      task_id: uuid.optional(),
      user_id: userId
        .optional()
        .meta({ description: 'Your own name of the user it is for: who listens to that user hears of it.' }),
      unique_key: z
        .string({ error: 'expected a text' })
        .min(1, { error: 'must not be empty' })
        .max(maxUniqueKeyChars, { error: `must have at most ${maxUniqueKeyChars} characters` })
        .refine((key) => !key.includes('\u0000') && key.isWellFormed(), { error: 'must be text without U+0000' })
        .optional(),
      unique_policy: z
        .enum(uniquePolicies, { error: `expected ${uniquePolicies.join(', ')}` })
        .optional()
        .meta({
          description:
            'While a task with the same unique_key lives: answer with it (`return`, the default), 409 (`reject`), or cancel it and take ' +
            'this one instead (`replace`).',
        }),
      durable: z
        .boolean({ error: 'expected true or false' })
        .optional()
        .meta({
          description:
            'false: a job in Redis and no row in Postgres. Faster; lost with Redis, run again when its worker dies, kept for an hour. ' +
            'No unique_key. Default: true.',
        }),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? 'expected an object' : undefined) },
  )
  .refine((options) => options.countdown === undefined || options.eta === undefined, {
    path: ['eta'],
    error: 'give either countdown or eta, not both',
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

/** Taken as it came, by reference: the task's own schema looks at it, also for names that JSON should not hold. */
const payloadSchema = z
  .custom<Json>((value) => value !== undefined, { error: 'is missing' })
  .meta({ description: "The task's payload, of the shape its schema names." });

export const taskRequestSchema = z
  .strictObject({ task: taskName, payload: payloadSchema, options: optionsSchema.optional() })
  .meta({
    examples: [{ task: 'sample_sleep', payload: { ms: 250 }, options: { priority: 7, unique_key: 'nightly-report' } }],
  });
export type TaskRequestBody = z.output<typeof taskRequestSchema>;

/** How many, the route says itself: too many are 413, not 400. */
export const batchSchema = z.strictObject({
  tasks: z
    .array(taskRequestSchema, { error: 'expected a list of tasks' })
    .min(1, { error: 'must hold at least one task' })
    .meta({ maxItems: maxBatch }),
});

export const errorSchema: z.ZodType<TaskErrorJson> = z.object({
  code: z.string(),
  message: z.string(),
  at: isoTime.optional(),
  attempt: z.int().optional(),
  parent: uuid.optional(),
});

const taskShape = {
  task_id: uuid,
  task: z.string(),
  queue: z.string(),
  status: taskStatus,
  priority: z.int(),
  attempts: z.int(),
  durable: z.boolean(),
  progress: anyJson,
  result: anyJson,
  error: errorSchema.nullable(),
  accepted_at: isoTime,
  due_at: isoTime.nullable(),
  started_at: isoTime.nullable(),
  finished_at: isoTime.nullable(),
  expires_at: isoTime.nullable(),
  flow_id: uuid.nullable(),
  waiting_for: z.int(),
};

export const taskSchema: z.ZodType<TaskJson> = z.object(taskShape).register(components, { id: 'Task' });

export const deadLetterSchema: z.ZodType<DeadLetterJson> = z
  .object({ ...taskShape, payload: anyJson, error_history: z.array(errorSchema) })
  .register(components, { id: 'DeadLetter' });

/** Only where it is none. */
const notDurable = z
  .literal(false)
  .optional()
  .meta({ description: 'There, and false, for tasks that are not durable.' });

export const acceptedSchema: z.ZodType<AcceptedJson> = z.object({
  task_id: uuid,
  status: taskStatus,
  durable: notDurable,
});
export const acceptedBatchSchema = z.object({ task_ids: z.array(uuid), durable: notDurable });

export const taskListQuery = z.strictObject({
  status: taskStatus.optional(),
  queue: queueName.optional(),
  task: taskName.optional(),
  cursor: z.string().max(200).optional().meta({ description: '`next_cursor` of the page before.' }),
  limit: intInQuery(1, 200, 50),
});
export const taskPageSchema: z.ZodType<TaskPageJson> = z.object({
  tasks: z.array(taskSchema),
  next_cursor: z.string().nullable(),
});
