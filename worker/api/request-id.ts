/** One id a request: in the log, in the header of the answer, in `instance` of a problem. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What is taken over from a caller: short, and nothing that could break a log line or a header. */
const sane = /^[\w.:/+=-]{1,128}$/;

export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && sane.test(given) ? given : randomUUID();
}
