import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type EmbeddingEndpoint,
  endpointDimensions,
  endpointModel,
  startEmbeddingEndpoint,
} from '../../../test/harness/embedding-endpoint.ts';
import { until } from '../../../test/harness/until.ts';
import { type Database, migrate, openPglite } from '../../db/index.ts';
import { CachedEmbedder } from './cache.ts';
import type { Embedder, EmbedOptions } from './embedder.ts';
import { createEmbedder, type EmbeddingSettings } from './index.ts';

type Settings = Partial<Extract<EmbeddingSettings, { provider: 'openai_compatible' }>>;
const document: EmbedOptions = { kind: 'document' };
const texts = Array.from({ length: 12 }, (_, i) => `the mill number ${i}`);

describe('the embedding cache, when some requests of a call fail', () => {
  let db: Database;
  let endpoint: EmbeddingEndpoint;
  beforeAll(async () => {
    db = await openPglite(undefined);
    await migrate(db);
    endpoint = await startEmbeddingEndpoint();
  });
  afterAll(async () => {
    await endpoint[Symbol.asyncDispose]();
    await db.close();
  });
  beforeEach(async () => {
    await db.query('delete from embedding_cache');
    endpoint.heal();
    endpoint.forget();
  });

  const make = (more: Settings = {}) =>
    createEmbedder(
      {
        provider: 'openai_compatible',
        baseUrl: endpoint.baseUrl,
        modelId: endpointModel,
        dimensions: endpointDimensions,
        batchSize: 3,
        maxRetries: 0,
        ...more,
      },
      { db, fetch },
    );
  const cached = async () => {
    const [row] = await db.query<{ n: number }>('select count(*) as n from embedding_cache');
    return row?.n;
  };

  it.each([1, 4])('should embed no text twice when the second request fails (%i at once)', async (maxParallelCalls) => {
    const embedder = make({ maxParallelCalls });
    endpoint.behave(({ nth }) => (nth === 2 ? 500 : 200));
    await expect(embedder.embed(texts, document)).rejects.toMatchObject({ code: 'embedding_unreachable' });
    expect(endpoint.embedded.length).toBeGreaterThan(0);
    expect(await cached()).toBe(endpoint.embedded.length);
    endpoint.heal();
    expect(await embedder.embed(texts, document)).toHaveLength(texts.length);
    expect(endpoint.embedded.toSorted()).toEqual(texts.toSorted());
  });

  it('should keep the answer of a request that was under way when another failed', async () => {
    const embedder = make({ maxParallelCalls: 2 });
    endpoint.behave(({ nth }) => (nth === 1 ? 'hold' : 500));
    const call = expect(embedder.embed(texts, document)).rejects.toMatchObject({ code: 'embedding_unreachable' });
    await until('one request is held and the other was refused', 5000, async () => endpoint.requests === 2);
    endpoint.heal();
    await call;
    expect(await cached()).toBe(3);
    await embedder.embed(texts, document);
    expect(endpoint.embedded.toSorted()).toEqual(texts.toSorted());
  });

  it('should end at once, with what is there kept, when the caller gives up', async () => {
    const embedder = make({ maxParallelCalls: 1 });
    endpoint.behave(({ nth }) => (nth === 1 ? 200 : 'hold'));
    const abort = new AbortController();
    const call = embedder.embed(texts, { ...document, signal: abort.signal });
    const ended = expect(call).rejects.toThrow('enough');
    await until('the second request is held', 5000, async () => endpoint.held === 1);
    abort.abort(new Error('enough'));
    await ended;
    expect(await cached()).toBe(3);
  });

  it('should write in one statement what came while it wrote, and only once', async () => {
    const written: number[] = [];
    const first = Promise.withResolvers<void>();
    const slow: Database = {
      ...db,
      async query(text, params = []) {
        if (text.startsWith('insert into embedding_cache')) {
          written.push(Array.isArray(params[1]) ? params[1].length : 0);
          if (written.length === 1) await first.promise;
        }
        return db.query(text, params);
      },
    };
    const inner: Embedder = {
      model: 'test/steps',
      dimensions: 1,
      async embed(all, { onAnswer }) {
        const vectors = all.map((text) => Float32Array.of(text.length));
        for (let at = 0; at < all.length; at += 2) onAnswer?.(at, vectors.slice(at, at + 2));
        first.resolve();
        return vectors;
      },
      close: async () => {},
    };
    await new CachedEmbedder(inner, slow).embed(texts, document);
    expect(written).toEqual([2, 10]);
  });

  it('should say that the cache could not be written', async () => {
    const broken: Database = {
      ...db,
      async query(text, params = []) {
        if (text.startsWith('insert into embedding_cache')) throw new Error('the disk is full');
        return db.query(text, params);
      },
    };
    const embedder = new CachedEmbedder(make({ maxParallelCalls: 1 }), broken);
    await expect(embedder.embed(texts, document)).rejects.toThrow('the disk is full');
  });
});
