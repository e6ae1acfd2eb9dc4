/** Dead letters: looked at, retried, dropped; one by one or by a filter. */
import { z } from 'zod';
import { dropDeadLetters, listDeadLetters, publishStates, retryDeadLetters } from '../../runtime/index.ts';
import { ApiError } from '../problems/api-error.ts';
import { problems, uuid } from '../schemas/common.ts';
import { deadLetterDropQuery, deadLetterListQuery, deadLetterRetrySchema } from '../schemas/operations.ts';
import { acceptedBatchSchema, acceptedSchema, deadLetterSchema } from '../schemas/task.ts';
import { deadLetterJson } from '../views/task.ts';
import type { Routes } from './route.ts';

const deadLetterNotFound = (id: string) =>
  new ApiError({ code: 'dead_letter_not_found', message: `There is no dead letter ${id}.` });

export const deadLetterRoutes: Routes =
  ({ db, live, log }) =>
  async (app) => {
    const params = z.object({ task_id: uuid });

    app.get(
      '/dead-letters',
      {
        schema: {
          tags: ['dead letters'],
          summary: 'Tasks whose attempts are spent, newest first, with their payloads and errors',
          querystring: deadLetterListQuery,
          response: { 200: z.object({ dead_letters: z.array(deadLetterSchema) }), ...problems(400) },
        },
      },
      async ({ tenantId, query }) => {
        const rows = await listDeadLetters(db, tenantId, { queue: query.queue, name: query.task }, query.limit);
        return { dead_letters: rows.map(deadLetterJson) };
      },
    );

    app.get(
      '/dead-letters/:task_id',
      {
        schema: {
          tags: ['dead letters'],
          summary: 'A dead letter with its payload and all its errors',
          params,
          response: { 200: deadLetterSchema, ...problems(400, 404) },
        },
      },
      async ({ tenantId, params: { task_id: id } }) => {
        const [row] = await listDeadLetters(db, tenantId, { id }, 1);
        if (!row) throw deadLetterNotFound(id);
        return deadLetterJson(row);
      },
    );

    app.post(
      '/dead-letters/:task_id/retry',
      {
        schema: {
          tags: ['dead letters'],
          summary: 'Run a dead letter again, with all its attempts',
          params,
          response: { 202: acceptedSchema, ...problems(400, 404) },
        },
      },
      async (request, reply) => {
        const { task_id: id } = request.params;
        const [retried] = await db.tx((tx) => retryDeadLetters(tx, request.tenantId, { id }, 1));
        if (retried === undefined) throw deadLetterNotFound(id);
        void publishStates({ live, db, log }, [retried]);
        return reply.code(202).send({ task_id: retried, status: 'PENDING' as const });
      },
    );

    app.post(
      '/dead-letters/retry',
      {
        schema: {
          tags: ['dead letters'],
          summary: 'Run all dead letters of a queue or task again, oldest first',
          body: deadLetterRetrySchema,
          response: { 202: acceptedBatchSchema, ...problems(400, 415) },
        },
      },
      async (request, reply) => {
        const { queue, task, limit } = request.body;
        const ids = await db.tx((tx) => retryDeadLetters(tx, request.tenantId, { queue, name: task }, limit));
        void publishStates({ live, db, log }, ids);
        return reply.code(202).send({ task_ids: ids });
      },
    );

    app.delete(
      '/dead-letters/:task_id',
      {
        schema: {
          tags: ['dead letters'],
          summary: 'Drop a dead letter; the task stays readable as any finished one',
          params,
          response: { 204: z.null(), ...problems(400, 404) },
        },
      },
      async (request, reply) => {
        const { task_id: id } = request.params;
        if ((await dropDeadLetters(db, request.tenantId, { id })) === 0) throw deadLetterNotFound(id);
        return reply.code(204).send(null);
      },
    );

    app.delete(
      '/dead-letters',
      {
        schema: {
          tags: ['dead letters'],
          summary: 'Drop all dead letters of a queue or task',
          querystring: deadLetterDropQuery,
          response: { 200: z.object({ dropped: z.int() }), ...problems(400) },
        },
      },
      async ({ tenantId, query }) => ({
        dropped: await dropDeadLetters(db, tenantId, { queue: query.queue, name: query.task }),
      }),
    );
  };
