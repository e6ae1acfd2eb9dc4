/**
 * The embedded embedder: no key, no download, no server. A bounded queue in front of worker threads; searches go ahead of
 * documents, and long calls are cut into small batches so that they can be cancelled and overtaken.
 */
import { EmbeddedThread } from './embedded-thread.ts';
import { closedError, type Embedder, EmbeddingError, type EmbedOptions } from './embedder.ts';

export const embeddedModelName = 'embedded/universal-sentence-encoder-lite-en';
export const embeddedDimensions = 512;

export interface EmbeddedSettings {
  /** Threads, each with the model in memory (about 300 MB) and one core at full load. Default 1. */
  readonly threads?: number;
  /** A thread without work for this long is ended. Default 60 s. */
  readonly idleMs?: number;
  /** Texts that may wait; a call that would go beyond is refused with `embedding_queue_full`, unless none wait. Default 10,000. */
  readonly maxWaitingTexts?: number;
  /** Bound on one batch, loading the model included. Default 60 s. */
  readonly batchTimeoutMs?: number;
  /** Entry file of the threads; another one in tests of their failures. */
  readonly entry?: URL;
}

/** A batch is closed by whichever comes first: what a search may have to wait for is one batch, about half a second. */
const maxBatchTexts = 8;
const maxBatchChars = 4_000;
/** A batch whose thread crashed is tried once more on a fresh one: the crash may have been another's. */
const maxBatchAttempts = 2;

interface Call {
  readonly texts: readonly string[];
  readonly vectors: Float32Array[];
  /** Index of the first text that no batch has taken. */
  next: number;
  /** Batches under way. */
  open: number;
  done: boolean;
  readonly onAnswer: EmbedOptions['onAnswer'];
  readonly resolve: (vectors: Float32Array[]) => void;
  readonly reject: (error: unknown) => void;
}

export class EmbeddedEmbedder implements Embedder {
  readonly model = embeddedModelName;
  readonly dimensions = embeddedDimensions;
  private readonly threads: EmbeddedThread[];
  private readonly maxWaitingTexts: number;
  private readonly queues: Record<EmbedOptions['kind'], Call[]> = { query: [], document: [] };
  /** Threads with a batch, also between its two attempts. */
  private readonly busy = new Set<EmbeddedThread>();
  private closed = false;

  constructor(settings: EmbeddedSettings = {}) {
    const options = {
      dimensions: embeddedDimensions,
      idleMs: settings.idleMs ?? 60_000,
      batchTimeoutMs: settings.batchTimeoutMs ?? 60_000,
      entry: settings.entry ?? new URL('./embedded.worker.ts', import.meta.url),
    };
    this.threads = Array.from({ length: settings.threads ?? 1 }, () => new EmbeddedThread(options));
    this.maxWaitingTexts = settings.maxWaitingTexts ?? 10_000;
  }

  /** Threads that hold the model in memory now. */
  get runningThreads(): number {
    return this.threads.filter((thread) => thread.running).length;
  }

  /** Texts that no thread has taken yet. */
  get waitingTexts(): number {
    return [...this.queues.query, ...this.queues.document].reduce(
      (sum, call) => sum + call.texts.length - call.next,
      0,
    );
  }

  async embed(texts: readonly string[], { kind, signal, onAnswer }: EmbedOptions): Promise<Float32Array[]> {
    signal?.throwIfAborted();
    if (this.closed) throw closedError();
    if (texts.length === 0) return [];
    const waiting = this.waitingTexts;
    if (waiting > 0 && waiting + texts.length > this.maxWaitingTexts) {
      throw new EmbeddingError({
        code: 'embedding_queue_full',
        message: `${waiting} texts wait for the embedded model, ${texts.length} more would exceed ${this.maxWaitingTexts}.`,
        hint: 'Try again later, or give the embedded model more threads.',
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array[]>();
    const call: Call = { texts, vectors: [], next: 0, open: 0, done: false, onAnswer, resolve, reject };
    const abort = () => this.end(call, () => reject(signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    this.queues[kind].push(call);
    this.pump();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const call of [...this.queues.query, ...this.queues.document])
      this.end(call, () => call.reject(closedError()));
    await Promise.all(this.threads.map((thread) => thread.close(closedError())));
  }

  private pump(): void {
    for (const thread of this.threads) {
      if (this.busy.has(thread)) continue;
      const call = this.queues.query[0] ?? this.queues.document[0];
      if (!call) return;
      const start = call.next;
      call.next = batchEnd(call.texts, start);
      call.open++;
      if (call.next === call.texts.length) this.dequeue(call);
      this.busy.add(thread);
      void this.runBatch(thread, call, start, call.next);
    }
  }

  private async runBatch(thread: EmbeddedThread, call: Call, start: number, end: number): Promise<void> {
    try {
      const vectors = await this.attempt(thread, call, call.texts.slice(start, end));
      for (const [i, vector] of vectors.entries()) call.vectors[start + i] = vector;
      if (!call.done) call.onAnswer?.(start, vectors);
      call.open--;
      if (call.open === 0 && call.next === call.texts.length) this.end(call, () => call.resolve(call.vectors));
    } catch (error) {
      this.end(call, () => call.reject(error));
    }
    this.busy.delete(thread);
    this.pump();
  }

  private async attempt(thread: EmbeddedThread, call: Call, texts: readonly string[]): Promise<Float32Array[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await thread.run(texts);
      } catch (error) {
        const again =
          error instanceof EmbeddingError && error.code === 'embedding_crashed' && !call.done && !this.closed;
        if (!again || attempt === maxBatchAttempts) throw error;
      }
    }
  }

  private end(call: Call, how: () => void): void {
    if (call.done) return;
    call.done = true;
    this.dequeue(call);
    how();
  }

  private dequeue(call: Call): void {
    for (const queue of Object.values(this.queues)) {
      const index = queue.indexOf(call);
      if (index >= 0) queue.splice(index, 1);
    }
  }
}

function batchEnd(texts: readonly string[], start: number): number {
  let chars = 0;
  let end = start;
  while (end < texts.length && end - start < maxBatchTexts) {
    chars += texts[end]?.length ?? 0;
    if (end > start && chars > maxBatchChars) break;
    end++;
  }
  return end;
}
