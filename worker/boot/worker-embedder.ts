/** The embedder of mode `all`'s API: the worker process's. */
import { setTimeout as wait } from 'node:timers/promises';
import { MillraceError } from '../errors.ts';
import { closedError, type Embedder, EmbeddingError, type EmbedOptions } from '../services/embedding/embedder.ts';
import type { Supervisor } from './supervisor.ts';

/** A question with its model still to be loaded; the embedder has bounds of its own below this. */
const embedTimeoutMs = 90_000;
/** A crash of the worker is over by then. */
const awayMs = 10_000;
const awayPollMs = 200;

/** Embeds in the worker process, so that the model is in memory once. One that is being started again is waited for. */
export class WorkerEmbedder implements Embedder {
  readonly model: string;
  readonly dimensions: number;
  readonly #worker: Pick<Supervisor, 'ask'>;
  readonly #closing = new AbortController();

  /** @param like what the worker's own is like */
  constructor(worker: Pick<Supervisor, 'ask'>, like: Pick<Embedder, 'model' | 'dimensions'>) {
    this.#worker = worker;
    this.model = like.model;
    this.dimensions = like.dimensions;
  }

  async embed(texts: readonly string[], { kind, signal, onAnswer }: EmbedOptions): Promise<Float32Array[]> {
    const giveUpAt = performance.now() + awayMs;
    const either = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    for (;;) {
      try {
        const asked = { timeoutMs: embedTimeoutMs, signal: either };
        const vectors = [...(await this.#worker.ask<'embed'>({ of: 'embed', texts, kind }, asked))];
        onAnswer?.(0, vectors);
        return vectors;
      } catch (error) {
        either.throwIfAborted();
        if (!(error instanceof MillraceError && error.code === 'worker_away')) throw error;
        if (performance.now() > giveUpAt) throw unreachable(error);
        await wait(awayPollMs, undefined, { signal: either }).catch(() => undefined);
        either.throwIfAborted();
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort(closedError());
  }
}

const unreachable = (cause: Error) =>
  new EmbeddingError({
    code: 'embedding_unreachable',
    message: 'The process that holds the embedding model is away.',
    hint: 'It is started again by itself; its log says why it ends.',
    cause,
  });
