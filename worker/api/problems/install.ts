/** Hooks the problems into fastify: errors, unknown addresses, requests that are no HTTP. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemJson } from '../types/common.ts';
import { ApiError } from './api-error.ts';
import { problemKinds } from './catalogue.ts';
import { problemOf } from './problem-of.ts';

export const problemMediaType = 'application/problem+json';
/** How long a caller should leave a service alone that is away for now. */
const retryAfterSeconds = 2;

const readOnlyMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

export function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(thrown, request.id, readOnlyMethods.has(request.method));
  if (problem.status >= 500)
    request.log.error({ err: thrown, code: problem.code, req_id: request.id }, 'request failed');
  else request.log.debug({ code: problem.code, detail: problem.detail, req_id: request.id }, 'request refused');
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  if (problem.status === 503) reply.header('retry-after', retryAfterSeconds);
  return reply.code(problem.status).type(problemMediaType).send(problem);
}

export function answerUnknownAddress(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?', 1)[0];
  const error = new ApiError({
    code: 'not_found',
    message: `There is no ${request.method} ${path}.`,
    hint: '/openapi.json lists every call.',
  });
  return sendProblem(error, request, reply);
}

export function installProblems(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler(answerUnknownAddress);
}

/** Answers what Node's parser refused, on the bare socket. */
export function answerMalformedHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const code =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'url_too_long'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'request_too_slow'
        : 'http_malformed';
  const { status, title } = problemKinds[code];
  const problem: ProblemJson = { code, title, status, detail: `${title}.`, instance: '' };
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
