/** What turns texts into vectors, whoever does it. */
import { type ErrorDetail, MillraceError, PermanentError } from '../../errors.ts';

/** Whether texts are stored (`document`) or searched with (`query`): a waiting person goes ahead of a batch. */
export type EmbeddingKind = 'document' | 'query';

export interface EmbedOptions {
  readonly kind: EmbeddingKind;
  readonly signal?: AbortSignal;
  /**
   * Told of each part of the answer as it comes, in any order: the place of its first text, and its vectors. What it was told
   * holds also when the call fails in the end. It must not throw.
   */
  readonly onAnswer?: (from: number, vectors: readonly Float32Array[]) => void;
}

export interface Embedder {
  /** `provider/model`: vectors of two names are never compared. */
  readonly model: string;
  readonly dimensions: number;
  /**
   * One vector a text, in order.
   * @throws EmbeddingError, PermanentEmbeddingError, or the reason of `signal`.
   */
  embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]>;
  /** Ends what stands behind it; calls under way are rejected with `embedding_closed`. */
  close(): Promise<void>;
}

export type EmbeddingErrorCode =
  | 'embedding_rate_limited'
  | 'embedding_unreachable'
  | 'embedding_timed_out'
  | 'embedding_queue_full'
  | 'embedding_crashed'
  | 'embedding_closed';

/** Embedding did not work this time; a later attempt may. */
export class EmbeddingError extends MillraceError {
  override readonly name = 'EmbeddingError';
  /** How long the endpoint asked to be left alone, where it said so. */
  readonly retryAfterMs: number | undefined;

  constructor(detail: ErrorDetail & { readonly code: EmbeddingErrorCode; readonly retryAfterMs?: number | undefined }) {
    super(detail);
    this.retryAfterMs = detail.retryAfterMs;
  }
}

/**
 * Embedding does not work as it is set up. Codes: `embedding_unauthorised`, `embedding_refused` (the endpoint rejects the
 * request itself), `embedding_bad_answer` (another count or dimension than asked for, or no embeddings at all).
 */
export class PermanentEmbeddingError extends PermanentError {}

/** What a closed embedder answers. */
export function closedError(): EmbeddingError {
  return new EmbeddingError({
    code: 'embedding_closed',
    message: 'The embedder was closed while texts waited for their vectors.',
    hint: 'The process is stopping; the work is taken up by the next one.',
  });
}
