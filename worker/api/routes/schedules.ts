/** Schedules: listed, shown, made, changed, paused, resumed, run now, deleted. */
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import {
  deleteSchedule,
  firedSlots,
  listSchedules,
  putSchedule,
  readLeader,
  readSchedule,
  runScheduleNow,
  type ScheduleSpec,
  setSchedulePaused,
} from '../../runtime/index.ts';
import { ApiError } from '../problems/api-error.ts';
import { problems } from '../schemas/common.ts';
import {
  scheduleDetailSchema,
  scheduleListQuery,
  scheduleName,
  schedulePageSchema,
  schedulePutSchema,
  scheduleSchema,
} from '../schemas/schedule.ts';
import { acceptedSchema } from '../schemas/task.ts';
import { surely } from '../surely.ts';
import type { SchedulePageJson } from '../types/schedule.ts';
import { scheduleDetailJson, scheduleJson } from '../views/schedule.ts';
import { cursorText, nameOfCursor } from './name-cursor.ts';
import type { Routes } from './route.ts';

/** A payload of the greatest size, also when it was sent with blanks and line ends. */
const bodyBytes = 2 * 1024 * 1024;
/** Fired slots that are shown. */
const recentSlots = 20;

const notFound = (name: string) =>
  new ApiError({ code: 'schedule_not_found', message: `There is no schedule ${name}.` });

function specOf(name: string, body: z.output<typeof schedulePutSchema>): ScheduleSpec {
  const { cron, timezone = 'UTC', every_seconds: everySeconds = 0 } = body;
  return {
    name,
    task: body.task,
    payload: body.payload ?? {},
    queue: body.queue,
    priority: body.priority,
    timing: cron === undefined ? { everySeconds } : { cron, timezone },
    jitterSeconds: body.jitter_seconds ?? 0,
    missed: body.missed ?? 'latest',
    expires: body.expires ?? true,
  };
}

export const scheduleRoutes: Routes =
  ({ db, enqueuer, registry }) =>
  async (app) => {
    const params = z.object({ name: scheduleName });

    app.get(
      '/schedules',
      {
        schema: {
          tags: ['schedules'],
          summary: 'Schedules by name, with their last and next slot, and who fires them',
          querystring: scheduleListQuery,
          response: { 200: schedulePageSchema, ...problems(400) },
        },
      },
      async ({ tenantId, query }): Promise<SchedulePageJson> => {
        const after = query.cursor === undefined ? undefined : nameOfCursor(query.cursor);
        const filter = { state: query.status, task: query.task };
        const [{ schedules, next }, leader] = await Promise.all([
          listSchedules(db, tenantId, filter, after, query.limit),
          readLeader(db),
        ]);
        return {
          schedules: schedules.map(scheduleJson),
          next_cursor: next === undefined ? null : cursorText(next),
          leader: leader ? { ...leader, since: leader.since.toISOString() } : null,
        };
      },
    );

    app.get(
      '/schedules/:name',
      {
        schema: {
          tags: ['schedules'],
          summary: 'A schedule with its next slots and what it fired',
          params,
          response: { 200: scheduleDetailSchema, ...problems(400, 404) },
        },
      },
      async ({ tenantId, params: { name } }) => {
        const row = await readSchedule(db, tenantId, name);
        if (!row) throw notFound(name);
        return scheduleDetailJson(row, await firedSlots(db, row, recentSlots));
      },
    );

    app.put(
      '/schedules/:name',
      {
        bodyLimit: bodyBytes,
        schema: {
          tags: ['schedules'],
          summary: 'Make a schedule, or change one',
          description:
            'The body is the whole schedule: what is left out has its default. Only schedules that were made so are changed so. A schedule that ' +
            'is paused stays so, and times that are changed count from now.',
          params,
          body: schedulePutSchema,
          response: { 200: scheduleSchema, 201: scheduleSchema, ...problems(400, 409, 413, 415, 422) },
        },
      },
      async ({ tenantId, params: { name }, body }, reply) => {
        const { row, created } = await surely(() => putSchedule(db, registry, tenantId, specOf(name, body)));
        return reply.code(created ? 201 : 200).send(scheduleJson(row));
      },
    );

    for (const [action, paused] of [
      ['pause', true],
      ['resume', false],
    ] as const) {
      app.post(
        `/schedules/:name/${action}`,
        {
          schema: {
            tags: ['schedules'],
            summary: paused
              ? 'Pause a schedule: what it has sent goes on'
              : 'Resume a schedule: it goes on with the first slot from now',
            params,
            response: { 200: scheduleSchema, ...problems(400, 404) },
          },
        },
        async ({ tenantId, params: { name } }) => {
          const row = await surely(() => setSchedulePaused(db, tenantId, name, paused));
          if (!row) throw notFound(name);
          return scheduleJson(row);
        },
      );
    }

    app.post(
      '/schedules/:name/run',
      {
        schema: {
          tags: ['schedules'],
          summary: 'Send the task of a schedule now, whether it is paused or not; its slots stay as they are',
          params,
          response: { 202: acceptedSchema, ...problems(400, 404, 409) },
        },
      },
      async ({ tenantId, params: { name } }, reply) => {
        // the same id each time: run again, because nobody knows whether it was taken, it is taken once
        const taskId = uuidv7();
        const accepted = await surely(() => runScheduleNow(db, enqueuer, { tenantId, name, taskId, by: 'api' }));
        if (!accepted) throw notFound(name);
        return reply.code(202).send({ task_id: accepted.id, status: 'PENDING' });
      },
    );

    app.delete(
      '/schedules/:name',
      {
        schema: {
          tags: ['schedules'],
          summary: 'Delete a schedule; what it has sent goes on',
          params,
          response: { 204: z.null(), ...problems(400, 404, 409) },
        },
      },
      async ({ tenantId, params: { name } }, reply) => {
        if (!(await deleteSchedule(db, tenantId, name))) throw notFound(name);
        return reply.code(204).send(null);
      },
    );
  };
