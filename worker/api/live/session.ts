/** One WebSocket: its subscriptions, what waits for it, and its heartbeat. */
import { MillraceError } from '../../errors.ts';
import type { LiveEvent, LiveHub, LiveScope } from '../../runtime/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type ClientMessage, clientMessage } from '../schemas/live.ts';
import { type CloseReason, closeCodes } from './close-codes.ts';
import { Outlet } from './outlet.ts';

/** The parts of a WebSocket that are used here. */
export interface Socket {
  readonly bufferedAmount: number;
  readonly readyState: number;
  send(text: string, sent: (error?: Error) => void): void;
  ping(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

export interface SessionDeps {
  readonly socket: Socket;
  readonly hub: Pick<LiveHub, 'listen'>;
  readonly tenantId: string;
  /** Whether the key still acts for the tenant. */
  readonly keyHolds: () => Promise<boolean>;
  /** @throws ApiError for what this key may not listen to */
  readonly authorise: (asked: Extract<ClientMessage, { type: 'subscribe' }>) => Promise<LiveScope>;
  readonly log: Pick<Logger, 'warn'>;
}

export const heartbeatMs = 15_000;
/** Bytes sent and not yet taken by the network, from which a listener counts as slow. */
const highWaterBytes = 64 * 1024;
export const maxSubscriptions = 100;
/** Messages that wait for their answers, and wrong ones in all. */
const maxPending = 200;
const maxWrong = 20;
/** A listener that does not answer a close is cut off. */
const closeGraceMs = 5000;
const openState = 1;

export class Session {
  readonly #deps: SessionDeps;
  readonly #outlet: Outlet<string>;
  readonly #subscriptions = new Map<string, Disposable>();
  readonly #heartbeat: NodeJS.Timeout;
  #answering: Promise<void> = Promise.resolve();
  #pending = 0;
  #wrong = 0;
  #heard = true;
  #closed = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    const { socket } = deps;
    this.#outlet = new Outlet<string>({
      writable: () => socket.readyState === openState && socket.bufferedAmount < highWaterBytes,
      write: (text) => socket.send(text, () => this.#drained()),
      overflow: () => this.close('listener_slow'),
      lagged: () => JSON.stringify({ type: 'gap', complete: false }),
    });
    this.#heartbeat = setInterval(() => void this.#beat(), heartbeatMs);
    this.#say({
      type: 'hello',
      tenant_id: deps.tenantId,
      heartbeat_seconds: heartbeatMs / 1000,
      max_subscriptions: maxSubscriptions,
    });
  }

  /** A message of the client. One is answered after the other. */
  message(text: string): void {
    if (this.#closed) return;
    this.#pending += 1;
    if (this.#pending > maxPending) {
      this.close('too_many_messages');
      return;
    }
    this.#answering = this.#answering.then(async () => {
      if (!this.#closed) await this.#answer(text);
      this.#pending -= 1;
    });
  }

  /** The client is there: it has answered a ping. */
  pong(): void {
    this.#heard = true;
  }

  close(why: CloseReason): void {
    if (this.#closed) return;
    const { socket } = this.#deps;
    this.ended();
    const { code, reason } = closeCodes[why];
    socket.close(code, reason);
    setTimeout(() => socket.terminate(), closeGraceMs).unref();
  }

  /** The socket is gone: nothing is listened to for it any more. */
  ended(): void {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    for (const subscription of this.#subscriptions.values()) subscription[Symbol.dispose]();
    this.#subscriptions.clear();
  }

  async #beat(): Promise<void> {
    const { socket, keyHolds } = this.#deps;
    // what does not even answer pings reads nothing, or is gone
    if (!this.#heard) return this.close('listener_slow');
    this.#heard = false;
    socket.ping();
    // browsers are told of no ping
    if (socket.bufferedAmount === 0) this.#say({ type: 'heartbeat' });
    if (!(await keyHolds())) this.close('key_unknown');
  }

  async #answer(text: string): Promise<void> {
    const message = parsed(text);
    if (message === undefined) return this.close('message_invalid');
    const { success, data, error } = clientMessage.safeParse(message);
    if (!success) {
      this.#wrong += 1;
      if (this.#wrong > maxWrong) return this.close('message_invalid');
      const what = error.issues.map(({ path, message: fault }) => `${path.join('.')}: ${fault}`).join('; ');
      return this.#refuse(idOf(message), 'message_invalid', `The message does not fit: ${what}.`);
    }
    if (data.type === 'unsubscribe') return this.#unsubscribe(data.id);
    await this.#subscribe(data);
  }

  #unsubscribe(id: string): void {
    this.#subscriptions.get(id)?.[Symbol.dispose]();
    this.#subscriptions.delete(id);
    this.#say({ type: 'unsubscribed', id });
  }

  async #subscribe(asked: Extract<ClientMessage, { type: 'subscribe' }>): Promise<void> {
    const { hub, tenantId, keyHolds, authorise, log } = this.#deps;
    const { id, last_event_id: after } = asked;
    if (this.#subscriptions.has(id)) {
      return this.#refuse(id, 'subscription_taken', `There is a subscription "${id}" already: unsubscribe it first.`);
    }
    if (this.#subscriptions.size >= maxSubscriptions) {
      return this.#refuse(id, 'subscriptions_exhausted', `A WebSocket has ${maxSubscriptions} subscriptions at most.`);
    }
    if (!(await keyHolds())) return this.close('key_unknown');
    try {
      const scope = await authorise(asked);
      const onListening = () => this.#say({ type: 'subscribed', id });
      const listening = await hub.listen(
        { tenantId, scope, after, onListening },
        {
          onEvent: (event) => this.#outlet.event(id, event, eventText(id, event)),
          onGap: ({ complete }) => this.#say({ type: 'gap', subscription: id, complete }),
        },
      );
      if (this.#closed) listening[Symbol.dispose]();
      else this.#subscriptions.set(id, listening);
    } catch (error) {
      if (error instanceof MillraceError) return this.#refuse(id, error.code, error.message);
      log.warn({ err: error }, 'a subscription could not be begun');
      const text = 'The subscription could not be begun: the ledger did not answer. Subscribe again.';
      this.#refuse(id, 'subscription_failed', text);
    }
  }

  #refuse(id: string | undefined, code: string, message: string): void {
    this.#say({ type: 'error', id, code, message });
  }

  #say(message: object): void {
    if (!this.#closed) this.#outlet.always(JSON.stringify(message));
  }

  #drained(): void {
    if (!this.#closed && this.#outlet.size > 0) this.#outlet.drained();
  }
}

const eventText = (subscription: string, { event, id, data }: LiveEvent): string =>
  `{"type":"event","subscription":${JSON.stringify(subscription)},"id":${id === undefined ? 'null' : `"${id}"`},"event":"${event}","data":${data}}`;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const idOf = (message: unknown): string | undefined =>
  typeof message === 'object' && message !== null && 'id' in message && typeof message.id === 'string'
    ? message.id.slice(0, 64)
    : undefined;
