/** Keep-alive connections that send prepared POST requests and read nothing of the answers but status and length. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const crlf = Buffer.from('\r\n\r\n');
const timeoutMs = 60_000;

export interface HttpTarget {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly apiKey: string;
}

/** A whole request as bytes: one write a request. */
export function postRequest({ host, port, path, apiKey }: HttpTarget, body: string): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: ${host}:${port}`,
    `authorization: Bearer ${apiKey}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export class HttpConnection implements Disposable {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: PromiseWithResolvers<HttpAnswer> | undefined;

  static async open(target: Pick<HttpTarget, 'host' | 'port'>): Promise<HttpConnection> {
    const socket = connect({ host: target.host, port: target.port, noDelay: true });
    await once(socket, 'connect');
    return new HttpConnection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')));
  }

  /** One request at a time. @throws Error when the connection breaks. */
  send(request: Buffer): Promise<HttpAnswer> {
    const waiting = Promise.withResolvers<HttpAnswer>();
    this.#waiting = waiting;
    this.#socket.write(request);
    return waiting.promise;
  }

  [Symbol.dispose](): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(crlf);
    if (headEnd === -1) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#socket.destroy(new Error(`expected an answer with a content-length, got:\n${head}`));
      return;
    }
    const from = headEnd + crlf.length;
    if (this.#received.length < from + Number(length)) return;
    const body = this.#received.toString('utf8', from, from + Number(length));
    this.#received = Buffer.alloc(0);
    this.#waiting?.resolve({ status: Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 '.length + 3)), body });
  }
}
