/** Lets fastify take WebSockets. */
import type { IncomingMessage } from 'node:http';
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';

/** Clients say little: what they listen to. */
const maxMessageBytes = 16 * 1024;
const protocol = 'millrace.v1';

/** The one address that may be asked for an upgrade; elsewhere, as with HTTP/2 over clear text, the wish is passed over. */
export const mayUpgrade = ({ url, headers }: IncomingMessage): boolean =>
  /^\/v1\/ws(?:\?|$)/.test(url ?? '') && headers.upgrade?.toLowerCase() === 'websocket';

/** Register before any hook that may refuse a request: a refused upgrade is to be hung up on. */
export async function installWebSocket(app: FastifyInstance): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: maxMessageBytes,
      perMessageDeflate: false,
      // the key among the offered ones is never echoed
      handleProtocols: (offered) => (offered.has(protocol) ? protocol : false),
    },
    // sockets are told by their sessions, with a code; they are cut off when they do not answer
    preClose: (done) => done(),
    errorHandler: (error, socket, request) => {
      request.log.debug({ err: error, req_id: request.id }, 'websocket error');
      socket.terminate();
    },
  });
}
