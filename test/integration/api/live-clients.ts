/** Those who listen: over an event stream and over a WebSocket. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { vi } from 'vitest';
import { WebSocket } from 'ws';

const withinMs = 15_000;

export interface Told {
  readonly event: string;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: events are looked at field by field
  readonly data: any;
}

export interface Where {
  readonly port: number;
  readonly key: string;
}

/** The first of what was told that fits. */
const first = <T>(told: readonly T[], fits: (one: T) => boolean, what: string): Promise<T> =>
  vi.waitFor(
    () => {
      const found = told.find(fits);
      if (!found) throw new Error(`no ${what} among ${JSON.stringify(told).slice(-2000)}`);
      return found;
    },
    { timeout: withinMs, interval: 20 },
  );

export interface StreamClient extends Disposable {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly told: Told[];
  readonly stream: IncomingMessage;
  readonly ended: Promise<unknown>;
  until(fits: (one: Told) => boolean): Promise<Told>;
}

/** @param reads false: nothing is taken until `read` is called */
export async function openEvents(
  { port, key }: Where,
  path: string,
  { headers = {}, reads = true }: { readonly headers?: Record<string, string>; readonly reads?: boolean } = {},
): Promise<StreamClient & { read(): void }> {
  const request = httpRequest({
    host: '127.0.0.1',
    port,
    path,
    headers: { authorization: `Bearer ${key}`, ...headers },
  }).end();
  const [stream] = (await once(request, 'response')) as [IncomingMessage];
  const told: Told[] = [];
  // also when the server is killed, which is an error of the stream
  const ended = new Promise<void>((resolve) => stream.once('close', () => resolve()));
  request.on('error', () => undefined);
  stream.on('error', () => undefined);
  const read = () => {
    let fields: Record<string, string> = {};
    const lines = createInterface({ input: stream }).on('error', () => undefined);
    lines.on('line', (line) => {
      if (line === '' && fields.event) {
        told.push({ event: fields.event, id: fields.id, data: JSON.parse(fields.data ?? 'null') });
        fields = {};
      }
      const match = /^(\w+): (.*)$/.exec(line);
      if (match?.[1] && match[2] !== undefined) fields[match[1]] = match[2];
    });
  };
  if (reads) read();
  return {
    status: stream.statusCode ?? 0,
    headers: stream.headers,
    told,
    stream,
    ended,
    read,
    until: (fits) => first(told, fits, 'such event'),
    [Symbol.dispose]: () => void stream.destroy(),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: messages are looked at field by field
type Message = any;

export interface SocketClient extends Disposable {
  readonly socket: WebSocket;
  readonly said: Message[];
  /** Code and reason, once it is closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  say(message: object | string): void;
  until(fits: (message: Message) => boolean): Promise<Message>;
  /** Events of a subscription, in order. */
  events(subscription: string): Told[];
}

export async function openSocket(
  { port, key }: Where,
  options: { readonly protocols?: string[]; readonly headers?: Record<string, string> } = {},
): Promise<SocketClient> {
  const { protocols = [], headers = { authorization: `Bearer ${key}` } } = options;
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, protocols, { headers });
  const said: Message[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  socket.on('message', (data) => said.push(JSON.parse(data.toString())));
  await once(socket, 'open');
  socket.on('error', () => undefined);
  return {
    socket,
    said,
    closed,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    until: (fits) => first(said, fits, 'such message'),
    events: (subscription) => said.filter(({ type, subscription: of }) => type === 'event' && of === subscription),
    [Symbol.dispose]: () => socket.terminate(),
  };
}

/** What a server answers to a WebSocket that it refuses. */
export async function refusedSocket(
  { port }: Where,
  headers: Record<string, string>,
): Promise<{ status: number; body: string }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, { headers });
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const body = (await Array.fromAsync(response.setEncoding('utf8'))).join('');
  socket.terminate();
  return { status: response.statusCode ?? 0, body };
}
