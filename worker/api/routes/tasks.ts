/** Sending tasks, asking for them, cancelling them. */
import { z } from 'zod';
import {
  cancelTask,
  dropJobs,
  isNotDurableRow,
  isTerminal,
  listTasks,
  publishStates,
  removedEvent,
  type TaskRow,
} from '../../runtime/index.ts';
import { ApiError, taskNotFound } from '../problems/api-error.ts';
import { intInQuery, problems, uuid } from '../schemas/common.ts';
import {
  acceptedBatchSchema,
  acceptedSchema,
  batchSchema,
  taskListQuery,
  taskPageSchema,
  taskRequestSchema,
  taskSchema,
} from '../schemas/task.ts';
import { surely } from '../surely.ts';
import type { TaskPageJson } from '../types/task.ts';
import { taskJson } from '../views/task.ts';
import { cursorOf, cursorText } from './cursor.ts';
import type { Routes } from './route.ts';
import { explainRefusal, requestsOf, sentBefore, taskValidator } from './task-requests.ts';

/** A payload of the greatest size with its options, also when it was sent with blanks and line ends. */
const oneBodyBytes = 2 * 1024 * 1024;
/** A thousand tasks of usual size; batches of huge payloads are sent in parts. */
const batchBodyBytes = 32 * 1024 * 1024;
const maxWaitSeconds = 60;

export const taskRoutes: Routes = (deps, closing) => async (app) => {
  const { db, broker, enqueuer, registry, reader, watcher, notDurable, live, log } = deps;
  const accept = async (body: Parameters<typeof requestsOf>[2], tenantId: string) => {
    const requests = requestsOf(registry, tenantId, body);
    try {
      return await surely((attempt) => enqueuer.batch(attempt === 0 ? requests : sentBefore(requests)));
    } catch (error) {
      throw explainRefusal(error, registry, body);
    }
  };

  app.post(
    '/tasks',
    {
      bodyLimit: oneBodyBytes,
      validatorCompiler: taskValidator(registry),
      schema: {
        tags: ['tasks'],
        summary: 'Send a task',
        description:
          '202: the task is committed in Postgres and will run, whatever happens to Redis or the workers. With `durable: false` it is a ' +
          'job in Redis only, which the answer says; 503 `redis_unavailable` when Redis does not take it within 3 s.',
        body: taskRequestSchema,
        response: { 202: acceptedSchema, ...problems(400, 409, 413, 415, 422) },
      },
    },
    async (request, reply) => {
      const [accepted] = await accept(request.body, request.tenantId);
      if (!accepted) throw new Error('a task that was accepted gave no answer');
      const durable = request.body.options?.durable === false ? { durable: false as const } : {};
      return reply.code(202).send({ task_id: accepted.id, status: accepted.status as TaskRow['status'], ...durable });
    },
  );

  app.post(
    '/tasks/batch',
    {
      bodyLimit: batchBodyBytes,
      validatorCompiler: taskValidator(registry),
      schema: {
        tags: ['tasks'],
        summary: 'Send up to 1,000 tasks, all or none',
        description: 'All of them durable, or none; those that are not go to one queue.',
        body: batchSchema,
        response: { 202: acceptedBatchSchema, ...problems(400, 409, 413, 415, 422) },
      },
    },
    async (request, reply) => {
      const accepted = await accept(request.body, request.tenantId);
      const durable = request.body.tasks[0]?.options?.durable === false ? { durable: false as const } : {};
      return reply.code(202).send({ task_ids: accepted.map((task) => task.id), ...durable });
    },
  );

  app.get(
    '/tasks/:task_id',
    {
      schema: {
        tags: ['tasks'],
        summary: 'State, progress and result of a task',
        description: `With \`wait\` the answer comes when the task has ended, or after that many seconds (at most ${maxWaitSeconds}) as it then is. A task that is not durable is told for an hour after its end, as one of the newest 20,000 of its queue.`,
        params: z.object({ task_id: uuid }),
        querystring: z.strictObject({ wait: intInQuery(0, maxWaitSeconds, 0) }),
        response: { 200: taskSchema, ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const { task_id: id } = request.params;
      const row = await reader.read(request.tenantId, id);
      if (!row) throw taskNotFound(id);
      if (isTerminal(row.status) || request.query.wait === 0) return taskJson(row);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const late = AbortSignal.timeout(request.query.wait * 1000);
      return taskJson(await watcher.untilTerminal(row, AbortSignal.any([closing.signal, gone.signal, late])));
    },
  );

  app.get(
    '/tasks',
    {
      schema: {
        tags: ['tasks'],
        summary: 'Tasks, newest first',
        description: 'Tasks that are not durable are not listed: nothing but their id finds them.',
        querystring: taskListQuery,
        response: { 200: taskPageSchema, ...problems(400) },
      },
    },
    async ({ tenantId, query }): Promise<TaskPageJson> => {
      const after = query.cursor === undefined ? undefined : cursorOf(query.cursor);
      const filter = { status: query.status, queue: query.queue, name: query.task };
      const { tasks, next } = await listTasks(db, tenantId, filter, after, query.limit);
      return { tasks: tasks.map(taskJson), next_cursor: next ? cursorText(next) : null };
    },
  );

  app.delete(
    '/tasks/:task_id',
    {
      schema: {
        tags: ['tasks'],
        summary: 'Cancel a task',
        description:
          'A waiting task never runs; of a running one no effect is let in from now on. Of tasks that are not durable only waiting ones ' +
          'are cancelled, and nothing of them remains; a running one is 409 `task_running`.',
        params: z.object({ task_id: uuid }),
        response: { 202: acceptedSchema, ...problems(400, 404, 409) },
      },
    },
    async (request, reply) => {
      const { task_id: id } = request.params;
      const reason = 'Cancelled through the API.';
      if (await cancelTask(db, request.tenantId, id, reason)) {
        void publishStates({ live, db, log }, [id]);
        void dropJobs({ db, broker, log }, [id]);
        return reply.code(202).send({ task_id: id, status: 'CANCELLED' as const });
      }
      const row = await reader.read(request.tenantId, id);
      if (!row) throw taskNotFound(id);
      const stands = isNotDurableRow(row) ? await notDurable.remove(row) : row;
      if (stands === undefined) throw taskNotFound(id);
      if (stands === 'removed') {
        live.publish(row.tenant_id, () => removedEvent(row, reason));
        return reply.code(202).send({ task_id: id, status: 'CANCELLED', durable: false });
      }
      if (!isTerminal(stands.status)) {
        throw new ApiError({
          code: 'task_running',
          message: `The task ${id} is running and is not durable: nothing would stop it, or keep out what it does.`,
          hint: 'Wait until it is done. Send tasks that may have to be cancelled as durable ones.',
        });
      }
      throw new ApiError({
        code: 'task_finished',
        message: `The task ${id} has ended already: ${row.status}.`,
      });
    },
  );
};
