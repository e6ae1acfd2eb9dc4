/** Vectors remembered by model and content, so that the same text is embedded once, over documents and re-indexing. */
import { createHash } from 'node:crypto';
import type { Database } from '../../db/index.ts';
import type { Embedder, EmbedOptions } from './embedder.ts';
import { bytesToVector, vectorToBytes } from './vector-bytes.ts';

/** `used_at` says on which day a row was used last, no finer: a hit seldom costs a write. */
const touchAfter = '1 day';
/** Texts of one statement, so that neither parameters nor answers grow without bound (1,000 x 3,072 floats are 12 MB). */
const maxBatchTexts = 1_000;

interface CacheRow {
  readonly hash: string;
  readonly vector: Float32Array;
}

/**
 * An embedder that asks the table `embedding_cache` first. Queries are not cached: they seldom repeat, and the table would
 * keep what people searched for.
 */
export class CachedEmbedder implements Embedder {
  readonly model: string;
  readonly dimensions: number;
  private readonly inner: Embedder;
  private readonly db: Database;

  constructor(inner: Embedder, db: Database) {
    this.inner = inner;
    this.db = db;
    this.model = inner.model;
    this.dimensions = inner.dimensions;
  }

  async embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]> {
    if (options.kind === 'query') return this.inner.embed(texts, options);
    const vectors: Float32Array[] = [];
    for (let start = 0; start < texts.length; start += maxBatchTexts) {
      vectors.push(...(await this.embedBatch(texts.slice(start, start + maxBatchTexts), options)));
    }
    return vectors;
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private async embedBatch(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]> {
    const textOf = new Map<string, string>();
    const hashes = texts.map((text) => {
      const hash = createHash('sha256').update(text).digest('hex');
      textOf.set(hash, text);
      return hash;
    });
    const known = await this.lookUp([...textOf.keys()]);
    const missing = [...textOf].filter(([hash]) => !known.has(hash));
    if (missing.length > 0) await this.embedMissing(missing, known, options);
    return hashes.map((hash) => {
      const vector = known.get(hash);
      if (!vector) throw new Error(`The embedder ${this.model} gave fewer vectors than texts.`);
      return vector;
    });
  }

  /** Embeds, puts the vectors into `known`, and stores each part of the answer as it comes: a retry pays for the rest only. */
  private async embedMissing(
    missing: readonly (readonly [hash: string, text: string])[],
    known: Map<string, Float32Array>,
    options: EmbedOptions,
  ): Promise<void> {
    const writer = new RowWriter((rows) => this.store(rows));
    const take = (from: number, vectors: readonly Float32Array[]) => {
      for (const [i, vector] of vectors.entries()) {
        const hash = missing[from + i]?.[0];
        if (hash === undefined || known.has(hash)) continue;
        known.set(hash, vector);
        writer.add({ hash, vector });
      }
      writer.start();
    };
    const texts = missing.map(([, text]) => text);
    try {
      take(0, await this.inner.embed(texts, { ...options, onAnswer: take }));
    } catch (error) {
      // why embedding failed says more than why what it brought could not be kept
      await writer.finish().catch(() => {});
      throw error;
    }
    await writer.finish();
  }

  private async lookUp(hashes: readonly string[]): Promise<Map<string, Float32Array>> {
    const rows = await this.db.query<{ hash: string; embedding: Uint8Array; stale: boolean }>(
      `select encode(content_hash, 'hex') as hash, embedding, used_at < now() - $3::interval as stale
         from embedding_cache
        where model = $1 and content_hash = any (select decode(h, 'hex') from unnest($2::text[]) as h)`,
      [this.model, hashes, touchAfter],
    );
    const known = new Map<string, Float32Array>();
    for (const { hash, embedding } of rows) {
      const vector = bytesToVector(embedding, this.dimensions);
      // A row of another size is of another setting of the same model: as good as missing, and replaced.
      if (vector) known.set(hash, vector);
    }
    const stale = rows.filter((row) => row.stale).map((row) => row.hash);
    if (stale.length > 0) {
      await this.db.query(
        `update embedding_cache set used_at = now()
          where model = $1 and used_at < now() - $3::interval
            and content_hash = any (select decode(h, 'hex') from unnest($2::text[]) as h)`,
        [this.model, stale, touchAfter],
      );
    }
    return known;
  }

  /** Sorted, so that two that store the same texts at once do not wait for each other in a ring. */
  private async store(rows: readonly CacheRow[]): Promise<void> {
    const sorted = rows.toSorted((a, b) => (a.hash < b.hash ? -1 : 1));
    await this.db.query(
      `insert into embedding_cache (model, content_hash, embedding)
       select $1, decode(h, 'hex'), decode(e, 'base64') from unnest($2::text[], $3::text[]) as row(h, e)
       on conflict (model, content_hash) do update set embedding = excluded.embedding, used_at = now()
         where octet_length(embedding_cache.embedding) <> octet_length(excluded.embedding)`,
      [
        this.model,
        sorted.map((row) => row.hash),
        sorted.map((row) => Buffer.from(vectorToBytes(row.vector)).toString('base64')),
      ],
    );
  }
}

/** Writes rows in the background, one statement at a time; what comes meanwhile goes into the next one. */
class RowWriter {
  private readonly write: (rows: readonly CacheRow[]) => Promise<void>;
  private waiting: CacheRow[] = [];
  private writing: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(write: (rows: readonly CacheRow[]) => Promise<void>) {
    this.write = write;
  }

  add(row: CacheRow): void {
    this.waiting.push(row);
  }

  /** Begins to write what waits, unless it does so already. */
  start(): void {
    if (this.waiting.length > 0) this.writing ??= this.drain();
  }

  /** Resolves when all is written. @throws what the first failed write threw; nothing was written after it. */
  async finish(): Promise<void> {
    await this.writing;
    if (this.failure) throw this.failure.error;
  }

  private async drain(): Promise<void> {
    try {
      while (this.waiting.length > 0 && !this.failure) await this.write(this.waiting.splice(0));
    } catch (error) {
      this.failure = { error };
    }
    this.writing = undefined;
  }
}
