/** Makes the embedder that the settings name. */
import type { Database } from '../../db/index.ts';
import { CachedEmbedder } from './cache.ts';
import { EmbeddedEmbedder, type EmbeddedSettings } from './embedded.ts';
import { closedError, type Embedder, type EmbedOptions } from './embedder.ts';
import type { OpenAiCompatibleSettings } from './openai-compatible.ts';

export type { Embedder, EmbeddingKind, EmbedOptions } from './embedder.ts';
export { EmbeddingError, PermanentEmbeddingError } from './embedder.ts';

export type EmbeddingSettings =
  | ({ readonly provider: 'embedded' } & Omit<EmbeddedSettings, 'entry'>)
  | ({ readonly provider: 'openai_compatible' } & Omit<OpenAiCompatibleSettings, 'fetch'>);

export interface EmbeddingDeps {
  /** Holds the cache; without it nothing is cached. */
  readonly db?: Database;
  /** Carries requests to an endpoint. */
  readonly fetch: typeof globalThis.fetch;
}

/** The embedder of these settings. Nothing is loaded, started or asked before its first call. */
export function createEmbedder(settings: EmbeddingSettings, { db, fetch }: EmbeddingDeps): Embedder {
  const inner =
    settings.provider === 'embedded' ? new EmbeddedEmbedder(settings) : new LazyOpenAi({ ...settings, fetch });
  return db ? new CachedEmbedder(inner, db) : inner;
}

/** Loads the AI SDK at the first call: a process that never embeds does not pay for it. */
class LazyOpenAi implements Embedder {
  readonly model: string;
  readonly dimensions: number;
  private readonly settings: OpenAiCompatibleSettings;
  private loaded: Promise<Embedder> | undefined;
  private closed = false;

  constructor(settings: OpenAiCompatibleSettings) {
    this.settings = settings;
    this.model = `${settings.providerName ?? 'openai_compatible'}/${settings.modelId}`;
    this.dimensions = settings.dimensions;
  }

  async embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]> {
    if (this.closed) throw closedError();
    return (await this.load()).embed(texts, options);
  }

  async close(): Promise<void> {
    this.closed = true;
    await (await this.loaded)?.close();
  }

  private load(): Promise<Embedder> {
    this.loaded ??= import('./openai-compatible.ts').then(
      (module) => new module.OpenAiCompatibleEmbedder(this.settings),
    );
    return this.loaded;
  }
}
