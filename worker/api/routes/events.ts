/** What becomes of all tasks of a tenant, or of one of its users, as server-sent events. */
import { z } from 'zod';
import { isStreamId, type LiveEvent } from '../../runtime/index.ts';
import { scopeOf } from '../live/authorise.ts';
import { openStream } from '../live/open-stream.ts';
import { Outlet } from '../live/outlet.ts';
import { problems } from '../schemas/common.ts';
import { eventsQuery } from '../schemas/live.ts';
import type { SseText } from '../sse.ts';
import type { Routes } from './route.ts';

const gapText = (complete: boolean): SseText => ({ event: 'gap', text: JSON.stringify({ complete }) });
const textOf = ({ event, id, data }: LiveEvent): SseText => ({ event, id, text: data });

export const eventRoutes: Routes =
  ({ reader, hub, places }, closing) =>
  async (app) => {
    app.get(
      '/events',
      {
        exposeHeadRoute: false,
        schema: {
          tags: ['live'],
          summary: 'What becomes of all tasks, or of those of a user, as server-sent events',
          description:
            'Events by AIECS’s names: `status`, `step`, `progress`, and one `result` or `error` at the end of each task; their data say ' +
            '`task_id`, `task`, `queue`, `user_id`, `status`, `attempts`, `epoch`, `durable`, `at`, and `progress`, `result` or `error`; ' +
            '`omitted: true` stands where one of these is longer than 2,048 bytes and is to be asked for with `GET ' +
            '/v1/tasks/:id`. First comes what runs now; with `Last-Event-ID` what came after that event. `gap` {complete}: something ' +
            'may be missing, and what follows is how things stand by the ledger; `complete: false`: not all of it. A slow reader gets ' +
            'the newest state of each task, and every end. See docs/guides/live-progress.md.',
          querystring: eventsQuery,
          produces: ['text/event-stream'],
          response: {
            200: { description: 'The stream', content: { 'text/event-stream': { schema: z.string() } } },
            ...problems(400, 404),
          },
        },
      },
      async (request, reply) => {
        const { tenantId, query } = request;
        const scope = await scopeOf(reader, tenantId, query);
        const last = request.headers['last-event-id'] ?? query.last_event_id;
        const after = typeof last === 'string' && isStreamId(last) ? last : undefined;
        const free = places.take();
        const opened: { stream?: ReturnType<typeof openStream> } = {};
        const outlet = new Outlet<SseText>({
          writable: () => opened.stream?.writable ?? false,
          write: (text) => opened.stream?.sendText(text),
          overflow: () => opened.stream?.destroy(),
          lagged: () => gapText(false),
        });
        // told before the stream is opened, which is when the ledger has answered: as much as a stream of Redis holds
        const first: (LiveEvent | SseText)[] = [];
        const tell = (one: LiveEvent | SseText) => {
          if (!opened.stream) first.push(one);
          else if ('data' in one) outlet.event('', one, textOf(one));
          else outlet.always(one);
        };
        let listening: Disposable;
        try {
          listening = await hub.listen(
            { tenantId, scope, after },
            {
              onEvent: tell,
              onGap: ({ complete }) => tell(gapText(complete)),
            },
          );
        } catch (error) {
          free();
          throw error;
        }
        opened.stream = openStream(request, reply, closing, {
          ready: () => outlet.drained(),
          closed: () => {
            free();
            listening[Symbol.dispose]();
          },
        });
        for (const one of first) tell(one);
        return reply;
      },
    );
  };
