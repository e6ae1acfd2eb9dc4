/** One worker thread of the embedded model, seen from outside: started at its first batch, ended when idle. */
import { Worker } from 'node:worker_threads';
import type { BatchAnswer, BatchRequest } from './embedded.worker.ts';
import { EmbeddingError } from './embedder.ts';

export interface ThreadOptions {
  readonly dimensions: number;
  /** The thread is ended after this long without work, which gives back its memory. */
  readonly idleMs: number;
  /** Bound on one batch, loading the model included; a thread that takes longer is ended. */
  readonly batchTimeoutMs: number;
  /** Entry file of the thread. */
  readonly entry: URL;
}

/** Heap of the thread's JavaScript; the weights stand outside of it, in WASM memory. */
const maxThreadHeapMb = 512;

interface Pending {
  readonly id: number;
  readonly resolve: (vectors: Float32Array[]) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class EmbeddedThread {
  private readonly options: ThreadOptions;
  private worker: Worker | undefined;
  private pending: Pending | undefined;
  private idleTimer: NodeJS.Timeout | undefined;
  private nextId = 1;

  constructor(options: ThreadOptions) {
    this.options = options;
  }

  get running(): boolean {
    return this.worker !== undefined;
  }

  /** One batch at a time. @throws EmbeddingError `embedding_crashed`, `embedding_timed_out`, `embedding_closed`. */
  run(texts: readonly string[]): Promise<Float32Array[]> {
    clearTimeout(this.idleTimer);
    const { batchTimeoutMs } = this.options;
    const request: BatchRequest = { id: this.nextId++, texts };
    this.worker ??= this.start();
    const { worker } = this;
    worker.ref();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.drop(
          worker,
          new EmbeddingError({
            code: 'embedding_timed_out',
            message: `The embedded model took longer than ${batchTimeoutMs / 1000} s for ${texts.length} texts.`,
            hint: 'The machine is overloaded, or the batch is too large for it.',
          }),
        );
      }, batchTimeoutMs);
      this.pending = { id: request.id, resolve, reject, timer };
      worker.postMessage(request);
    });
  }

  async close(error: Error): Promise<void> {
    clearTimeout(this.idleTimer);
    const worker = this.worker;
    if (!worker) return;
    this.settle((pending) => pending.reject(error));
    this.worker = undefined;
    await worker.terminate();
  }

  private start(): Worker {
    const worker = new Worker(this.options.entry, {
      name: 'embedding',
      workerData: { dimensions: this.options.dimensions },
      resourceLimits: { maxOldGenerationSizeMb: maxThreadHeapMb },
    });
    worker.on('message', (answer: BatchAnswer) => {
      if (worker !== this.worker || answer.id !== this.pending?.id) return;
      this.settle((pending) => {
        if ('vectors' in answer) pending.resolve(answer.vectors);
        else pending.reject(crashed(answer.error));
      });
      // An idle thread keeps no process alive.
      worker.unref();
      this.idleTimer = setTimeout(() => this.drop(worker, undefined), this.options.idleMs);
      this.idleTimer.unref();
    });
    worker.on('error', (cause) =>
      this.drop(worker, crashed(cause instanceof Error ? cause.message : String(cause), cause)),
    );
    worker.on('exit', (code) => this.drop(worker, crashed(`the thread ended with exit code ${code}`)));
    return worker;
  }

  /** Forgets the thread; the next batch starts another. */
  private drop(worker: Worker, error: Error | undefined): void {
    if (worker !== this.worker) return;
    this.worker = undefined;
    clearTimeout(this.idleTimer);
    void worker.terminate();
    if (error) this.settle((pending) => pending.reject(error));
  }

  private settle(how: (pending: Pending) => void): void {
    const { pending } = this;
    if (!pending) return;
    clearTimeout(pending.timer);
    this.pending = undefined;
    how(pending);
  }
}

function crashed(reason: string, cause?: unknown): EmbeddingError {
  return new EmbeddingError({
    code: 'embedding_crashed',
    message: `The embedded model's thread failed: ${reason}.`,
    hint: 'It is started anew for the next batch. If it keeps failing, look at the memory that is free.',
    cause,
  });
}
