/** A task's progress as server-sent events. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { isTerminal, readTask, type TaskRow } from '../../runtime/index.ts';
import { ApiError, taskNotFound } from '../problems/api-error.ts';
import { problems, uuid } from '../schemas/common.ts';
import { SseStream } from '../sse.ts';
import { taskJson } from '../views/task.ts';
import type { Routes } from './route.ts';

/** Streams a process keeps open at most. */
const maxStreams = 2000;
/** A stopping process waits so long for readers to take the last of their streams. */
const closeGraceMs = 500;
/** The id of the last event: who comes again with it has heard all. */
const endId = 'end';

/** What a reader is told of two states, in order; the terminal one last. */
function news(before: TaskRow | undefined, now: TaskRow): { event: string; data: unknown }[] {
  const events: { event: string; data: unknown }[] = [];
  const json = taskJson(now);
  const { task_id, status, attempts, error } = json;
  if (before?.status !== now.status || before.attempts !== now.attempts) {
    events.push({ event: 'status', data: { task_id, status, attempts, error } });
  }
  if (now.progress !== null && JSON.stringify(before?.progress) !== JSON.stringify(now.progress)) {
    events.push({ event: 'progress', data: { task_id, progress: json.progress } });
  }
  if (isTerminal(now.status)) events.push({ event: 'end', data: json });
  return events;
}

export const taskEventRoutes: Routes =
  ({ db, watcher, notDurable }, closing) =>
  async (app) => {
    let open = 0;

    const stream = (row: TaskRow, reply: FastifyReply) => {
      reply.hijack();
      let told: TaskRow | undefined;
      let newest = row;
      let count = 0;
      const tell = () => {
        if (!sse.writable || newest === told) return;
        const events = news(told, newest);
        told = newest;
        for (const { event, data } of events) {
          count += 1;
          sse.send({ event, id: event === 'end' ? endId : `${newest.epoch}.${count}`, data });
        }
        if (isTerminal(newest.status)) sse.end();
      };
      const headers = Object.fromEntries(
        Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]),
      );
      const sse = new SseStream(reply.raw, headers, tell);
      tell();
      if (isTerminal(row.status)) return;

      const listening = watcher.listen(row.id, (changed) => {
        newest = changed;
        tell();
      });
      const stop = () => {
        sse.end();
        setTimeout(() => sse.destroy(), closeGraceMs).unref();
      };
      closing.signal.addEventListener('abort', stop, { once: true });
      open += 1;
      reply.raw.once('close', () => {
        open -= 1;
        listening[Symbol.dispose]();
        closing.signal.removeEventListener('abort', stop);
      });
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
            'Whoever reconnects with `Last-Event-ID: end` gets 204.',
          params: z.object({ task_id: uuid }),
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
        const row = (await readTask(db, request.tenantId, id)) ?? (await notDurable.read(request.tenantId, id));
        if (!row) throw taskNotFound(id);
        // tells an EventSource, which reconnects by itself, to stop
        if (request.headers['last-event-id'] === endId) return reply.code(204).send(null);
        if (open >= maxStreams) {
          throw new ApiError({
            code: 'streams_exhausted',
            message: `This process keeps ${maxStreams} event streams open already.`,
            hint: 'Ask with GET /v1/tasks/:id?wait=60 instead, or start more API processes.',
          });
        }
        stream(row, reply);
        return reply;
      },
    );
  };
