/** What a stopping API tells those who wait: streams end and long polls answer at once. */
import type { FastifyInstance } from 'fastify';
import { ApiError } from './problems/api-error.ts';

export interface Closing {
  /** Aborted when the API begins to close. */
  readonly signal: AbortSignal;
}

export function installClosing(app: FastifyInstance): Closing {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());
  app.addHook('onRequest', async (_request, reply) => {
    if (!closing.signal.aborted) return;
    reply.header('connection', 'close');
    throw new ApiError({
      code: 'shutting_down',
      message: 'This process is stopping. Nothing was accepted.',
      hint: 'Send the request again; another process, or this one started anew, takes it.',
    });
  });
  // what was asked for before and is answered now: a connection that is kept alive would hold up the end for its whole time
  app.addHook('onSend', async (_request, reply) => {
    if (closing.signal.aborted) reply.header('connection', 'close');
  });
  return { signal: closing.signal };
}
