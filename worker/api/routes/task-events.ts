/** A task's progress as server-sent events. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { isNotDurableRow, isStreamId, type TaskRow } from '../../runtime/index.ts';
import { openStream } from '../live/open-stream.ts';
import { endId, TaskStream } from '../live/task-stream.ts';
import { taskNotFound } from '../problems/api-error.ts';
import { problems, uuid } from '../schemas/common.ts';
import { lastEventId } from '../schemas/live.ts';
import type { Routes } from './route.ts';

export const taskEventRoutes: Routes =
  ({ reader, hub, places }, closing) =>
  async (app) => {
    const stream = async (request: FastifyRequest, reply: FastifyReply, row: TaskRow, after: string | undefined) => {
      const { tenantId } = request;
      const { id } = row;
      const free = places.take();
      const opened: { stream?: ReturnType<typeof openStream> } = {};
      const told = new TaskStream({
        taskId: id,
        sse: () => opened.stream,
        read: () => reader.again(row),
      });
      let listening: Disposable;
      try {
        const options = {
          tenantId,
          scope: { kind: 'task', taskId: id, durable: !isNotDurableRow(row) },
          after,
        } as const;
        // a gap needs no word here: what follows it is the whole state
        listening = await hub.listen(options, { onEvent: (event) => told.event(event), onGap: () => undefined });
      } catch (error) {
        free();
        throw error;
      }
      opened.stream = openStream(request, reply, closing, {
        ready: () => told.tell(),
        closed: () => {
          free();
          told.close();
          listening[Symbol.dispose]();
        },
      });
      told.tell();
    };

    app.get(
      '/tasks/:task_id/events',
      {
        exposeHeadRoute: false,
        schema: {
          tags: ['tasks'],
          summary: 'Progress of a task as server-sent events',
          description:
            'Events: `status` {task_id, status, attempts, error}, `progress` {task_id, progress}, and last `end` with the whole ' +
            'task; then the stream ends. The first events tell how the task stands. A slow reader gets the newest state only. ' +
            'Whoever reconnects with `Last-Event-ID` gets what came after that event as well, as far as it is kept; with ' +
            '`Last-Event-ID: end` 204.',
          params: z.object({ task_id: uuid }),
          querystring: z.strictObject({ last_event_id: lastEventId }),
          produces: ['text/event-stream'],
          response: {
            200: { description: 'The stream', content: { 'text/event-stream': { schema: z.string() } } },
            204: z.null(),
            ...problems(400, 404),
          },
        },
      },
      async (request, reply) => {
        const { task_id: id } = request.params;
        const row = await reader.read(request.tenantId, id);
        if (!row) throw taskNotFound(id);
        const last = request.headers['last-event-id'] ?? request.query.last_event_id;
        // tells an EventSource, which reconnects by itself, to stop
        if (last === endId) return reply.code(204).send(null);
        const after = typeof last === 'string' && isStreamId(last) ? last : undefined;
        await stream(request, reply, row, after);
        return reply;
      },
    );
  };
