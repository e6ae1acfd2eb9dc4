import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../db/index.ts';
import { migrate, openPglite } from '../../db/index.ts';
import { CachedEmbedder } from './cache.ts';
import type { Embedder } from './embedder.ts';
import { bytesToVector, vectorToBytes } from './vector-bytes.ts';

/** A small real embedder: a vector of a text's length and letters; keeps what it was asked. */
class CountingEmbedder implements Embedder {
  readonly model: string;
  readonly dimensions: number;
  readonly asked: string[][] = [];
  constructor(model = 'test/letters', dimensions = 3) {
    this.model = model;
    this.dimensions = dimensions;
  }
  async embed(texts: readonly string[]): Promise<Float32Array[]> {
    this.asked.push([...texts]);
    return texts.map((text) => new Float32Array(this.dimensions).fill(text.length + 0.1));
  }
  async close(): Promise<void> {}
}

describe('the embedding cache', () => {
  let db: Database;
  beforeAll(async () => {
    db = await openPglite(undefined);
    await migrate(db);
  });
  afterAll(() => db.close());
  beforeEach(() => db.query('delete from embedding_cache'));

  it('should embed each distinct text once, over calls and within one', async () => {
    const inner = new CountingEmbedder();
    const cached = new CachedEmbedder(inner, db);
    const first = await cached.embed(['a', 'bb', 'a'], { kind: 'document' });
    const second = await cached.embed(['bb', 'ccc', 'a'], { kind: 'document' });
    expect(inner.asked).toEqual([['a', 'bb'], ['ccc']]);
    expect(first.map((v) => v[0])).toEqual([1.1, 2.1, 1.1].map(Math.fround));
    expect(second).toEqual([first[1], new Float32Array(3).fill(3.1), first[0]]);
    expect(await cached.embed([], { kind: 'document' })).toEqual([]);
  });

  it('should keep models apart and replace vectors of another size', async () => {
    const other = new CountingEmbedder('test/other');
    const wider = new CountingEmbedder('test/letters', 5);
    await new CachedEmbedder(new CountingEmbedder(), db).embed(['a'], { kind: 'document' });
    await new CachedEmbedder(other, db).embed(['a'], { kind: 'document' });
    const cachedWider = new CachedEmbedder(wider, db);
    await cachedWider.embed(['a'], { kind: 'document' });
    const [vector] = await cachedWider.embed(['a'], { kind: 'document' });
    expect(other.asked).toHaveLength(1);
    expect(wider.asked).toHaveLength(1);
    expect(vector).toHaveLength(5);
  });

  it('should not keep what people search for', async () => {
    const inner = new CountingEmbedder();
    await new CachedEmbedder(inner, db).embed(['secret question'], { kind: 'query' });
    expect(await db.query('select 1 from embedding_cache')).toEqual([]);
  });

  it('should note a use at most once a day', async () => {
    const cached = new CachedEmbedder(new CountingEmbedder(), db);
    await cached.embed(['fresh', 'old'], { kind: 'document' });
    await db.query(
      `update embedding_cache set used_at = now() - case when content_hash = sha256('old') then interval '2 days' else interval '1 hour' end`,
    );
    await cached.embed(['fresh', 'old'], { kind: 'document' });
    const rows = await db.query<{ is_old: boolean; touched: boolean }>(
      `select content_hash = sha256('old') as is_old, used_at > now() - interval '1 minute' as touched from embedding_cache order by 1`,
    );
    expect(rows).toEqual([
      { is_old: false, touched: false },
      { is_old: true, touched: true },
    ]);
  });

  it('should let two store the same texts at once', async () => {
    const texts = Array.from({ length: 50 }, (_, i) => `text ${i}`);
    const run = (all: string[]) => new CachedEmbedder(new CountingEmbedder(), db).embed(all, { kind: 'document' });
    await Promise.all([run(texts), run(texts.toReversed())]);
    expect(await db.query('select count(*) as n from embedding_cache')).toEqual([{ n: 50 }]);
  });
});

describe('vectors as bytes', () => {
  it('should come back exactly, from an unaligned part of a larger buffer too', () => {
    const vector = Float32Array.of(1.5, -0, Number.MIN_VALUE, 3.4e38, 0.1);
    const shifted = new Uint8Array(64);
    shifted.set(vectorToBytes(vector), 3);
    expect(bytesToVector(shifted.subarray(3, 23), 5)).toEqual(vector);
    expect(bytesToVector(shifted.subarray(3, 22), 5)).toBeUndefined();
  });

  it('should be little-endian', () => {
    expect([...vectorToBytes(Float32Array.of(1))]).toEqual([0, 0, 0x80, 0x3f]);
  });
});
