/** Live progress over WebSocket. */
import type { WebSocket } from '@fastify/websocket';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { scopeOf } from '../live/authorise.ts';
import { closeCodes } from '../live/close-codes.ts';
import { Session } from '../live/session.ts';
import { ApiError } from '../problems/api-error.ts';
import { problems } from '../schemas/common.ts';
import type { Routes } from './route.ts';

const codes = Object.values(closeCodes)
  .map(({ code, reason }) => `${code} ${reason}`)
  .join('; ');

export const wsRoutes: Routes =
  ({ reader, hub, places, log }, closing) =>
  async (app) => {
    const serve = (socket: WebSocket, request: FastifyRequest) => {
      const { tenantId, keyHolds } = request;
      // taken by another since it was looked at
      if (places.full) {
        const { code, reason } = closeCodes.streams_exhausted;
        socket.close(code, reason);
        return;
      }
      const free = places.take();
      const session = new Session({
        socket,
        hub,
        tenantId,
        keyHolds,
        log,
        authorise: (asked) => scopeOf(reader, tenantId, asked),
      });
      const stop = () => session.close('going_away');
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        if (isBinary) session.close('message_invalid');
        else session.message(data.toString());
      });
      socket.on('pong', () => session.pong());
      socket.on('close', () => {
        closing.signal.removeEventListener('abort', stop);
        session.ended();
        free();
      });
      if (closing.signal.aborted) stop();
      else closing.signal.addEventListener('abort', stop, { once: true });
    };

    app.route({
      method: 'GET',
      url: '/ws',
      exposeHeadRoute: false,
      schema: {
        tags: ['live'],
        summary: 'The same over WebSocket, for any number of tasks and users',
        description:
          'Say `{"type": "subscribe", "id": "a", "task_id": …}`, or `user_id`, or neither for the whole tenant, with `last_event_id` to ' +
          'go on after an event; `{"type": "unsubscribe", "id": "a"}` ends it. Answers are `hello`, `subscribed`, `unsubscribed`, ' +
          '`error` {id, code, message}, `heartbeat`, `gap` {subscription, complete} and `event` {subscription, id, event, data} with the ' +
          'events of `GET /v1/events`. Browsers offer the protocols `millrace.v1` and `millrace.key.<key>` instead of the header ' +
          `\`Authorization\`. Close codes: ${codes}.`,
        response: { 101: z.null().describe('A WebSocket'), ...problems(426) },
      },
      preHandler: async (request, reply) => {
        if (!request.ws) {
          reply.header('upgrade', 'websocket').header('connection', 'upgrade');
          throw new ApiError({
            code: 'upgrade_required',
            message: 'Expected a WebSocket, instead got a plain request.',
            hint: 'GET /v1/events tells the same as server-sent events.',
          });
        }
        places.check();
      },
      handler: async (_request, reply) => reply.code(426).send(null),
      wsHandler: serve,
    });
  };
