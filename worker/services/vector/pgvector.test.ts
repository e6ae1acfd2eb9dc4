import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../db/index.ts';
import { openPglite } from '../../db/index.ts';
import { vectorStoreContract } from './contract.ts';
import { PgVectorStore } from './pgvector.ts';

async function openEmpty(): Promise<Database> {
  const db = await openPglite(undefined);
  await db.query('create extension vector');
  return db;
}

vectorStoreContract('pgvector on PGlite', async () => {
  const db = await openEmpty();
  return { store: new PgVectorStore(db), twin: new PgVectorStore(db), close: () => db.close() };
});

describe('pgvector in the same database', () => {
  let db: Database;
  let store: PgVectorStore;
  beforeAll(async () => {
    db = await openEmpty();
    store = new PgVectorStore(db);
    await store.ensureCollection(3);
  });
  afterAll(() => db.close());

  const vector = Float32Array.of(1, 0, 0);
  const fresh = () => {
    const id = randomUUID();
    return { id, tenantId: randomUUID(), datasetId: randomUUID(), documentId: randomUUID(), segmentId: id, vector };
  };

  it('should write in the transaction of the caller', async () => {
    const point = fresh();
    const failed = db.tx(async (tx) => {
      await store.upsert([point], tx);
      throw new Error('the segment could not be marked');
    });
    await expect(failed).rejects.toThrow('could not be marked');
    expect(await store.search({ ...point, topK: 1 })).toEqual([]);
    await db.tx((tx) => store.upsert([point], tx));
    await expect(
      db.tx(async (tx) => {
        await store.deleteByDocument(point, tx);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(await store.search({ ...point, topK: 1 })).toHaveLength(1);
  });

  it('should say which dimensions it cannot index', async () => {
    await expect(store.ensureCollection(4_001)).rejects.toMatchObject({ code: 'vector_dimensions_unsupported' });
  });

  it('should leave the session as it was', async () => {
    const before = await db.query(`select current_setting('enable_indexscan') as scan`);
    await store.search({ ...fresh(), topK: 4 });
    expect(await db.query(`select current_setting('enable_indexscan') as scan`)).toEqual(before);
  });
});
