/** Questions to the child that runs the tasks, and its answers: each with an end, also when the child has one before. */
import { type ErrorDetail, MillraceError } from '../errors.ts';
import type { Ask, FromWorker, Questions, SentError, ToWorker } from './worker-messages.ts';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export interface AskOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Of one child. */
export class WorkerCalls {
  readonly #send: (message: ToWorker) => void;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #over = false;

  constructor(send: (message: ToWorker) => void) {
    this.#send = send;
  }

  /** @throws what the child says, `worker_away` when it ends, `worker_silent` when it is late, or the reason of `signal` */
  async ask<Name extends keyof Questions>(
    ask: Extract<Ask, { of: Name }>,
    { timeoutMs, signal }: AskOptions,
  ): Promise<Questions[Name]['answer']> {
    signal?.throwIfAborted();
    if (this.#over) throw away();
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    const timer = setTimeout(() => reject(silent(timeoutMs)), timeoutMs);
    const abort = () => reject(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#send({ kind: 'ask', id, ask });
    try {
      // of the shape that the child's side is typed to answer with
      return (await promise) as Questions[Name]['answer'];
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      if (this.#waiting.delete(id)) this.#send({ kind: 'forget', id });
    }
  }

  hear(message: Extract<FromWorker, { kind: 'told' | 'refused' }>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'told') waiting?.resolve(message.answer);
    else waiting?.reject(new MillraceError(detailOf(message.error)));
  }

  /** The child is gone. */
  end(): void {
    this.#over = true;
    for (const { reject } of this.#waiting.values()) reject(away());
    this.#waiting.clear();
  }
}

/** An error that came, as a new one is made of it. */
export const detailOf = ({ code, message, hint }: SentError): ErrorDetail => ({
  code,
  message,
  ...(hint === undefined ? {} : { hint }),
});

const away = () =>
  new MillraceError({
    code: 'worker_away',
    message: 'The process that runs the tasks has ended; it is being started again.',
    hint: 'Try again in a few seconds.',
  });

const silent = (ms: number) =>
  new MillraceError({
    code: 'worker_silent',
    message: `The process that runs the tasks did not answer within ${ms} ms.`,
    hint: 'A handler that does not yield keeps it busy: give it an isolation, or a lower time limit.',
  });
