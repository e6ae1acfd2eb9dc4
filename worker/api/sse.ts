/** One event stream over HTTP, bounded: what a slow reader has not taken is never queued up here. */
import type { ServerResponse } from 'node:http';

export interface SseEvent {
  readonly event: string;
  readonly id: string;
  readonly data: unknown;
}

const heartbeatMs = 15_000;
/** A reader that takes nothing for so long is gone. */
const stuckMs = 60_000;

export class SseStream {
  readonly #response: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #ready: () => void;
  #blockedAt: number | undefined;

  /**
   * @param headers sent besides those of a stream
   * @param ready called when a reader that was slow has taken all: send it the newest
   */
  constructor(response: ServerResponse, headers: Record<string, string>, ready: () => void) {
    this.#response = response;
    this.#ready = ready;
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // proxies of nginx's kind hold answers back otherwise
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    response.once('close', () => clearInterval(this.#heartbeat));
    response.on('drain', () => {
      this.#blockedAt = undefined;
      this.#ready();
    });
    // a reader that goes away in the middle; `close` follows
    response.on('error', () => undefined);
  }

  /** False while the reader has not taken what was sent: keep only the newest, `ready` asks for it. */
  get writable(): boolean {
    return this.#blockedAt === undefined && !this.#response.writableEnded && !this.#response.destroyed;
  }

  send({ event, id, data }: SseEvent): void {
    this.#write(`event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    clearInterval(this.#heartbeat);
    if (!this.#response.writableEnded) this.#response.end();
  }

  /** For readers that take nothing more: cut off instead of waited for. */
  destroy(): void {
    this.#response.destroy();
  }

  #beat(): void {
    if (this.writable) this.#write(': still here\n\n');
    else if (this.#blockedAt !== undefined && Date.now() - this.#blockedAt > stuckMs) this.#response.destroy();
  }

  #write(text: string): void {
    if (!this.#response.write(text)) this.#blockedAt ??= Date.now();
  }
}
