/** An event stream in place of an answer: it ends with the process, with its key, and when its reader goes. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Closing } from '../closing.ts';
import { SseStream } from '../sse.ts';

/** A stopping process waits so long for readers to take the last of their streams. */
const closeGraceMs = 500;

export interface StreamOptions {
  /** Called when a reader that was slow has taken all. */
  readonly ready: () => void;
  /** Called once when it is over, also when it was over before it began. */
  readonly closed: () => void;
}

export function openStream(
  request: FastifyRequest,
  reply: FastifyReply,
  closing: Closing,
  { ready, closed }: StreamOptions,
): SseStream {
  reply.hijack();
  const headers = Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
  const stop = () => {
    sse.end();
    setTimeout(() => sse.destroy(), closeGraceMs).unref();
  };
  const beat = async () => {
    if (!(await request.keyHolds())) stop();
  };
  const sse = new SseStream(reply.raw, { headers, ready, beat: () => void beat() });
  const over = () => {
    closing.signal.removeEventListener('abort', stop);
    closed();
  };
  // the reader may have gone while the ledger was asked
  if (reply.raw.destroyed) over();
  else reply.raw.once('close', over);
  if (closing.signal.aborted) stop();
  else closing.signal.addEventListener('abort', stop, { once: true });
  return sse;
}
