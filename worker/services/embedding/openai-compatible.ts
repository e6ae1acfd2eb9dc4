/** Embeddings from any endpoint that speaks OpenAI's protocol, through the AI SDK. Load it lazily: the SDK is large. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embedMany } from 'ai';
import { closedError, type Embedder, EmbeddingError, type EmbedOptions } from './embedder.ts';
import { badAnswer, embeddingErrorOf, timedOut } from './http-errors.ts';
import { Permits } from './permits.ts';
import { estimateTokens, pause, RateLimit, type RateLimitSettings } from './rate-limit.ts';

export interface OpenAiCompatibleSettings extends RateLimitSettings {
  /** Up to and without `/embeddings`. */
  readonly baseUrl: string;
  readonly apiKey?: string;
  /** As the endpoint names it. */
  readonly modelId: string;
  /** What a vector has to have; also sent along when `sendDimensions`. */
  readonly dimensions: number;
  /** For models whose dimensions can be chosen; many endpoints refuse the field. Default false. */
  readonly sendDimensions?: boolean;
  /** First half of the model's name. Default `openai_compatible`. */
  readonly providerName?: string;
  /** Texts of one request. Default 64. */
  readonly batchSize?: number;
  /** Requests at once, over all callers. Default 4. */
  readonly maxParallelCalls?: number;
  /** Bound on one request. Default 60 s. */
  readonly timeoutMs?: number;
  /** Further attempts of one request, for refusals that pass. Default 4. */
  readonly maxRetries?: number;
  /** Longest wait that an endpoint may ask for; for a longer one the caller is told instead. Default 30 s. */
  readonly maxRetryAfterMs?: number;
  /** Carries every request; the guarded client comes in here. */
  readonly fetch: typeof globalThis.fetch;
}

const firstBackoffMs = 500;
const maxBackoffMs = 10_000;

export class OpenAiCompatibleEmbedder implements Embedder {
  readonly model: string;
  readonly dimensions: number;
  private readonly settings: OpenAiCompatibleSettings;
  private readonly endpoint: string;
  private readonly languageModel: Parameters<typeof embedMany>[0]['model'];
  private readonly permits: Permits;
  private readonly limit: RateLimit;
  private readonly closing = new AbortController();
  private readonly timeoutMs: number;
  /** The endpoint asked for silence until then; all calls keep it. */
  private silentUntil = 0;

  constructor(settings: OpenAiCompatibleSettings) {
    const provider = settings.providerName ?? 'openai_compatible';
    this.settings = settings;
    this.model = `${provider}/${settings.modelId}`;
    this.dimensions = settings.dimensions;
    this.endpoint = `The embedding endpoint ${new URL(settings.baseUrl).host}`;
    this.timeoutMs = settings.timeoutMs ?? 60_000;
    this.permits = new Permits(settings.maxParallelCalls ?? 4);
    this.limit = new RateLimit(settings);
    this.languageModel = createOpenAICompatible({
      name: provider,
      baseURL: settings.baseUrl.replace(/\/+$/, ''),
      ...(settings.apiKey === undefined ? {} : { apiKey: settings.apiKey }),
      fetch: settings.fetch,
    }).embeddingModel(settings.modelId);
  }

  async embed(texts: readonly string[], { kind, signal, onAnswer }: EmbedOptions): Promise<Float32Array[]> {
    const size = this.settings.batchSize ?? 64;
    const siblings = new AbortController();
    const ended = AbortSignal.any([this.closing.signal, ...(signal ? [signal] : [])]);
    const all = AbortSignal.any([ended, siblings.signal]);
    const starts = Array.from({ length: Math.ceil(texts.length / size) }, (_, i) => i * size);
    const batches = starts.map(async (start) => {
      try {
        const batch = texts.slice(start, start + size);
        const vectors = await this.permits.with(kind === 'query', all, () => this.withRetries(batch, all, ended));
        onAnswer?.(start, vectors);
        return vectors;
      } catch (error) {
        // The first failure starts no further request. Those under way are paid for: their answers are waited for.
        siblings.abort(error);
        throw error;
      }
    });
    const settled = await Promise.allSettled(batches);
    all.throwIfAborted();
    return settled.flatMap((batch) => (batch.status === 'fulfilled' ? batch.value : []));
  }

  async close(): Promise<void> {
    this.closing.abort(closedError());
  }

  /** `signal` ends the waits between requests, `ended` also a request under way. */
  private async withRetries(texts: string[], signal: AbortSignal, ended: AbortSignal): Promise<Float32Array[]> {
    const { maxRetries = 4, maxRetryAfterMs = 30_000 } = this.settings;
    for (let attempt = 0; ; attempt++) {
      await pause(this.silentUntil - Date.now(), signal);
      await this.limit.take(estimateTokens(texts), signal);
      try {
        return await this.call(texts, ended);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof EmbeddingError) || attempt === maxRetries) throw error;
        const asked = error.retryAfterMs;
        if (asked !== undefined && asked > maxRetryAfterMs) throw error;
        if (asked !== undefined) this.silentUntil = Math.max(this.silentUntil, Date.now() + asked);
        // Full jitter on top, so that parallel calls do not come back in step.
        const backoffMs = Math.random() * Math.min(firstBackoffMs * 2 ** attempt, maxBackoffMs);
        await pause((asked ?? 0) + backoffMs, signal);
      }
    }
  }

  private async call(texts: string[], signal: AbortSignal): Promise<Float32Array[]> {
    const timeout = AbortSignal.timeout(this.timeoutMs);
    try {
      const { embeddings, responses } = await embedMany({
        model: this.languageModel,
        values: texts,
        maxRetries: 0,
        abortSignal: AbortSignal.any([signal, timeout]),
        ...(this.settings.sendDimensions ? { dimensions: this.dimensions } : {}),
      });
      return this.inOrder(this.checked(texts, embeddings), responses?.[0]?.body);
    } catch (error) {
      signal.throwIfAborted();
      if (timeout.aborted) throw timedOut(this.endpoint, this.timeoutMs);
      throw embeddingErrorOf(error, this.endpoint);
    }
  }

  private checked(texts: readonly string[], embeddings: readonly (readonly number[])[]): Float32Array[] {
    if (embeddings.length !== texts.length) {
      throw badAnswer(this.endpoint, `answered ${embeddings.length} vectors for ${texts.length} texts.`);
    }
    return embeddings.map((numbers) => {
      if (numbers.length !== this.dimensions) {
        throw badAnswer(
          this.endpoint,
          `answered a vector of ${numbers.length} dimensions for ${this.settings.modelId}, where ${this.dimensions} are set.`,
        );
      }
      const vector = Float32Array.from(numbers);
      if (!vector.every(Number.isFinite))
        throw badAnswer(this.endpoint, 'answered a vector with a number that is not finite.');
      return vector;
    });
  }

  /** The protocol numbers its vectors; the SDK takes them as they stand, so an answer out of order is put right here. */
  private inOrder(vectors: Float32Array[], body: unknown): Float32Array[] {
    const data = (body as { data?: readonly { index?: unknown }[] } | undefined)?.data;
    const indices = data?.map((item) => item.index);
    if (!indices?.every((index) => typeof index === 'number')) return vectors;
    if (indices.every((index, i) => index === i)) return vectors;
    const sorted: Float32Array[] = [];
    for (const [i, index] of indices.entries()) {
      const vector = vectors[i];
      if (vector) sorted[index] = vector;
    }
    if (sorted.length !== vectors.length || sorted.includes(undefined as never)) {
      throw badAnswer(this.endpoint, 'answered vectors whose numbers are not those of the texts.');
    }
    return sorted;
  }
}
