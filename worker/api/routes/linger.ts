/** What becomes of a request body that nobody reads any more. */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** A client that goes on sending after it was refused is cut off after this. */
const lingerMs = 3000;

/**
 * Call it before refusing a request in the middle of its body. The rest is thrown away as it comes, so that the client gets
 * to read the answer (an abrupt close would take it away); a client that does not stop is cut off.
 */
export function lingerAfter(request: FastifyRequest, reply: FastifyReply): void {
  const { raw } = request;
  if (raw.complete) return;
  raw.unpipe();
  raw.resume();
  reply.raw.once('finish', () => {
    if (raw.complete) return;
    const timer = setTimeout(() => raw.socket.destroy(), lingerMs);
    raw.once('end', () => clearTimeout(timer));
    raw.socket.once('close', () => clearTimeout(timer));
  });
}
