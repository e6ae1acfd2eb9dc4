/** One event stream over HTTP, bounded: what a slow reader has not taken is never queued up here. */
import type { ServerResponse } from 'node:http';

export interface SseEvent {
  readonly event: string;
  readonly id: string;
  readonly data: unknown;
}

/** One whose data is JSON text already. */
export interface SseText {
  readonly event: string;
  /** Left out: a reader that comes again goes on after an earlier event. */
  readonly id?: string | undefined;
  readonly text: string;
}

export interface SseOptions {
  /** Sent besides those of a stream. */
  readonly headers: Record<string, string>;
  /** Called when a reader that was slow has taken all: send it the newest. */
  readonly ready: () => void;
  /** Called at each heartbeat. */
  readonly beat?: (() => void) | undefined;
}

const heartbeatMs = 15_000;
/** Bytes that wait for a reader from which it counts as slow: what a replay or a burst of events comes to. */
const highWaterBytes = 64 * 1024;
/** A reader that takes nothing for so long is gone. */
const stuckMs = 60_000;

export class SseStream {
  readonly #response: ServerResponse;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #ready: () => void;
  readonly #onBeat: (() => void) | undefined;
  #blockedAt: number | undefined;

  constructor(response: ServerResponse, { headers, ready, beat }: SseOptions) {
    this.#response = response;
    this.#ready = ready;
    this.#onBeat = beat;
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
    const { writableLength, writableEnded, destroyed } = this.#response;
    return writableLength < highWaterBytes && !writableEnded && !destroyed;
  }

  send({ event, id, data }: SseEvent): void {
    this.sendText({ event, id, text: JSON.stringify(data) });
  }

  sendText({ event, id, text }: SseText): void {
    this.#write(`event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${text}\n\n`);
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
    this.#onBeat?.();
    if (this.#blockedAt === undefined) this.#write(': still here\n\n');
    else if (Date.now() - this.#blockedAt > stuckMs) this.#response.destroy();
  }

  #write(text: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    if (!this.#response.write(text)) this.#blockedAt ??= Date.now();
  }
}
