/** Schedules as they come in and go out. */
import { z } from 'zod';
import { type Json, maxEverySeconds, missedPolicies, scheduleSources, scheduleStates } from '../../runtime/index.ts';
import type { ScheduleDetailJson, ScheduleJson, SchedulePageJson } from '../types/schedule.ts';
import { anyJson, components, intInQuery, isoTime, queueName, taskName, uuid } from './common.ts';

/** The shortest that a person would spread schedules over is a second, the longest a day. */
const maxJitterSeconds = 86_400;

/** Its letters are checked where it is made; here it is only found. */
export const scheduleName = z.string({ error: 'expected the name of a schedule' }).min(1).max(120);

const whole = (min: number, max: number) =>
  z
    .int({ error: `expected a whole number of seconds from ${min} to ${max}` })
    .min(min, { error: `expected at least ${min} seconds` })
    .max(max, { error: `expected at most ${max} seconds` });

export const schedulePutSchema = z
  .strictObject({
    task: taskName,
    payload: z
      .custom<Json>((value) => value !== undefined, { error: 'is missing' })
      .optional()
      .meta({ description: "The task's payload. Default: `{}`." }),
    queue: queueName.optional().meta({ description: "Default: the task's own." }),
    priority: z.int({ error: 'expected a whole number from 1 to 9' }).min(1).max(9).optional(),
    cron: z
      .string({ error: 'expected a cron expression, as 0 2 * * *' })
      .min(1)
      .max(200)
      .optional()
      .meta({ description: 'Minute, hour, day of month, month, day of week; or six fields with seconds first.' }),
    timezone: z
      .string({ error: 'expected a time zone, as Europe/Berlin' })
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'In which `cron` is read. Default: UTC.' }),
    every_seconds: whole(1, maxEverySeconds)
      .optional()
      .meta({ description: 'Instead of `cron`: slots are the multiples of it since 1970.' }),
    jitter_seconds: whole(0, maxJitterSeconds)
      .optional()
      .meta({ description: 'Each slot waits up to so long, so that schedules of one time spread. Default: 0.' }),
    missed: z
      .enum(missedPolicies, { error: `expected ${missedPolicies.join(', ')}` })
      .optional()
      .meta({
        description:
          'Slots that came while nothing could fire them: left out, the newest fired (the default), or all of them.',
      }),
    expires: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .meta({ description: 'A task that nobody took ends as EXPIRED when the next slot is due. Default: true.' }),
  })
  .refine((body) => (body.cron === undefined) !== (body.every_seconds === undefined), {
    path: ['cron'],
    error: 'give either cron or every_seconds',
  })
  .refine((body) => body.timezone === undefined || body.cron !== undefined, {
    path: ['timezone'],
    error: 'goes with cron only',
  })
  .meta({
    examples: [
      { task: 'clean_dataset_task', payload: {}, cron: '30 2 * * 1-5', timezone: 'Europe/Berlin', jitter_seconds: 300 },
    ],
  });

const scheduleShape = {
  name: z.string(),
  task: z.string(),
  queue: z.string().nullable().meta({ description: "Null: the task's own." }),
  payload: anyJson,
  priority: z.int().nullable(),
  source: z.enum(scheduleSources).meta({ description: 'Only those of `api` are changed and deleted by calls.' }),
  status: z.enum(scheduleStates).meta({
    description:
      '`disabled`: held back by a flag of the environment. `not_built`: its task is not part of this release.',
  }),
  cron: z.string().nullable(),
  timezone: z.string(),
  every_seconds: z.int().nullable(),
  jitter_seconds: z.int(),
  missed: z.enum(missedPolicies),
  expires: z.boolean(),
  next_slot: isoTime.nullable().meta({ description: 'Null while it is not to fire.' }),
  next_at: isoTime.nullable().meta({ description: 'The slot and its jitter.' }),
  last_slot: isoTime.nullable(),
  last_fired_at: isoTime.nullable(),
  last_fired_by: z.string().nullable(),
  last_lateness_seconds: z.number().nullable(),
  last_task_id: uuid.nullable(),
  slots_fired: z.int(),
  slots_missed: z.int().meta({ description: 'Left out by `missed`.' }),
  created_at: isoTime,
  updated_at: isoTime,
};

export const scheduleSchema: z.ZodType<ScheduleJson> = z.object(scheduleShape).register(components, { id: 'Schedule' });

export const scheduleDetailSchema: z.ZodType<ScheduleDetailJson> = z
  .object({
    ...scheduleShape,
    upcoming: z.array(isoTime).meta({ description: 'The next slots, while it is to fire.' }),
    recent: z
      .array(
        z.object({
          slot: isoTime,
          fired_at: isoTime,
          lateness_seconds: z.number(),
          fired_by: z.string(),
          term: z.int().nullable().meta({ description: 'Of the leader; null when it was run by hand.' }),
          by_hand: z.boolean(),
          task_id: uuid,
        }),
      )
      .meta({ description: 'What it fired, newest first.' }),
  })
  .register(components, { id: 'ScheduleDetail' });

export const scheduleListQuery = z.strictObject({
  status: z.enum(scheduleStates, { error: `expected a status: ${scheduleStates.join(', ')}` }).optional(),
  task: taskName.optional(),
  cursor: z.string().max(400).optional().meta({ description: '`next_cursor` of the page before.' }),
  limit: intInQuery(1, 200, 50),
});

export const schedulePageSchema: z.ZodType<SchedulePageJson> = z.object({
  schedules: z.array(scheduleSchema),
  next_cursor: z.string().nullable(),
  leader: z
    .object({ name: z.string(), term: z.int(), since: isoTime })
    .nullable()
    .meta({ description: 'The beat that fires them; null when none is there, and nothing is fired.' }),
});
