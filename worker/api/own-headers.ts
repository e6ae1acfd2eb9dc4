/** Headers of every answer. */
import type { FastifyReply, FastifyRequest } from 'fastify';

export function setOwnHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply
    .header('x-request-id', request.id)
    .header('x-content-type-options', 'nosniff')
    .header('cache-control', 'no-store');
}
