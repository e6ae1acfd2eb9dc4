/** What every vector store keeps to. A driver's test calls `vectorStoreContract` with how to open a fresh, empty one. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VectorError, type VectorPoint, type VectorStore } from './store.ts';

export interface OpenVectorStore {
  readonly store: VectorStore;
  /** A second, independent face of the same store, as another process has. */
  readonly twin: VectorStore;
  close(): Promise<void>;
}

const dimensions = 8;

/** A vector that points along one axis, leaning to the next. */
function axis(n: number, lean = 0, size = dimensions): Float32Array {
  const vector = new Float32Array(size);
  vector[n % size] = 1;
  vector[(n + 1) % size] = lean;
  return vector;
}

function point(
  tenantId: string,
  datasetId: string,
  vector: Float32Array,
  more: Partial<VectorPoint> = {},
): VectorPoint {
  const id = randomUUID();
  return { id, tenantId, datasetId, documentId: randomUUID(), segmentId: id, vector, ...more };
}

export function vectorStoreContract(name: string, open: () => Promise<OpenVectorStore>): void {
  describe(`the vector store contract: ${name}`, () => {
    let opened: OpenVectorStore | undefined;
    let store: VectorStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened?.close());
    const place = () => ({ tenantId: randomUUID(), datasetId: randomUUID() });

    it('should find nothing, and delete nothing, where no collection was made', async () => {
      const { tenantId, datasetId } = place();
      expect(await store.search({ tenantId, datasetId, vector: axis(0, 0, 7), topK: 3 })).toEqual([]);
      await store.deleteByDocument({ tenantId, documentId: randomUUID() });
    });

    it('should refuse points of a collection that was not made', async () => {
      const { tenantId, datasetId } = place();
      const lost = store.upsert([point(tenantId, datasetId, axis(0, 0, 9))]);
      await expect(lost).rejects.toMatchObject({ code: 'vector_collection_missing' });
    });

    it('should make a collection once, when several ask for it at the same time', async () => {
      await Promise.all(
        [1, 2, 3, 4].flatMap(() => [store.ensureCollection(dimensions), opened?.twin.ensureCollection(dimensions)]),
      );
      await store.ensureCollection(dimensions);
    });

    it('should answer the nearest first, with the cosine as the score', async () => {
      const { tenantId, datasetId } = place();
      const points = [axis(0, 0.5), axis(3), axis(0), axis(0, 0.1)].map((vector) => point(tenantId, datasetId, vector));
      await store.upsert(points);
      const hits = await store.search({ tenantId, datasetId, vector: axis(0).map((x) => x * 3), topK: 3 });
      expect(hits.map((hit) => hit.pointId)).toEqual([points[2]?.id, points[3]?.id, points[0]?.id]);
      expect(hits[0]?.score).toBeCloseTo(1, 5);
      expect(hits[2]?.score).toBeCloseTo(1 / Math.hypot(1, 0.5), 4);
      expect(hits[0]).toMatchObject({ segmentId: points[2]?.segmentId, documentId: points[2]?.documentId });
    });

    it('should clamp scores to 0..1 and keep to the threshold', async () => {
      const { tenantId, datasetId } = place();
      await store.upsert([axis(0).map((x) => -x), axis(0, 0.2), axis(4)].map((v) => point(tenantId, datasetId, v)));
      const all = await store.search({ tenantId, datasetId, vector: axis(0), topK: 10 });
      expect(all).toHaveLength(3);
      expect(Math.min(...all.map((hit) => hit.score))).toBe(0);
      expect(await store.search({ tenantId, datasetId, vector: axis(0), topK: 10, scoreThreshold: 0.9 })).toHaveLength(
        1,
      );
    });

    it('should keep tenants and datasets apart, even for the same ids', async () => {
      const [mine, theirs] = [place(), place()];
      const a = point(mine.tenantId, mine.datasetId, axis(0));
      const other = point(mine.tenantId, randomUUID(), axis(0));
      const b = point(theirs.tenantId, mine.datasetId, axis(0), { documentId: a.documentId });
      await store.upsert([a, other, b]);
      const found = async (tenantId: string) =>
        (await store.search({ tenantId, datasetId: mine.datasetId, vector: axis(0), topK: 5 })).map(
          (hit) => hit.pointId,
        );
      expect(await found(mine.tenantId)).toEqual([a.id]);
      await store.deletePoints(theirs.tenantId, [a.id]);
      await store.deleteByDataset({ tenantId: randomUUID(), datasetId: mine.datasetId });
      await store.setEnabled({ tenantId: theirs.tenantId, documentId: a.documentId }, false);
      await store.deleteByDocument({ tenantId: theirs.tenantId, documentId: a.documentId });
      expect(await found(mine.tenantId)).toEqual([a.id]);
      expect(await found(theirs.tenantId)).toEqual([]);
      await store.upsert([{ ...a, tenantId: theirs.tenantId, vector: axis(5) }]);
      expect(await found(mine.tenantId)).toEqual([a.id]);
    });

    it('should replace a point that comes again', async () => {
      const { tenantId, datasetId } = place();
      const first = point(tenantId, datasetId, axis(1), { childId: randomUUID() });
      await store.upsert([first]);
      await store.upsert([first]);
      await store.upsert([{ ...first, vector: axis(2) }]);
      const hits = await store.search({ tenantId, datasetId, vector: axis(2), topK: 5 });
      expect(hits).toHaveLength(1);
      expect(hits[0]).toMatchObject({ pointId: first.id, childId: first.childId, score: 1 });
    });

    it('should delete by point, document and dataset, more than once if asked', async () => {
      const { tenantId, datasetId } = place();
      const documentId = randomUUID();
      const points = [1, 2, 3, 4, 5].map((n) => point(tenantId, datasetId, axis(n), n > 3 ? {} : { documentId }));
      await store.upsert(points);
      const left = async () => (await store.search({ tenantId, datasetId, vector: axis(1), topK: 10 })).length;
      await store.deletePoints(tenantId, []);
      await store.deletePoints(tenantId, [points[0]?.id ?? '', randomUUID()]);
      expect(await left()).toBe(4);
      for (const _ of [1, 2]) await store.deleteByDocument({ tenantId, documentId });
      expect(await left()).toBe(2);
      for (const _ of [1, 2]) await store.deleteByDataset({ tenantId, datasetId });
      expect(await left()).toBe(0);
    });

    it('should hide a disabled document and show it again', async () => {
      const { tenantId, datasetId } = place();
      const documentId = randomUUID();
      await store.upsert([point(tenantId, datasetId, axis(0), { documentId }), point(tenantId, datasetId, axis(0))]);
      const found = async () => (await store.search({ tenantId, datasetId, vector: axis(0), topK: 5 })).length;
      await store.setEnabled({ tenantId, documentId }, false);
      expect(await found()).toBe(1);
      await store.setEnabled({ tenantId, documentId }, true);
      expect(await found()).toBe(2);
    });

    it('should find a small dataset among a large one that lies nearer', async () => {
      const tenantId = randomUUID();
      const [small, large] = [randomUUID(), randomUUID()];
      const crowd = Array.from({ length: 1_000 }, (_, i) => point(tenantId, large, axis(6, (i % 50) / 1_000)));
      await store.upsert(crowd);
      await store.upsert([1, 2, 3].map((n) => point(tenantId, small, axis(n))));
      expect(await store.search({ tenantId, datasetId: small, vector: axis(6), topK: 5 })).toHaveLength(3);
      expect(await store.search({ tenantId, datasetId: large, vector: axis(6), topK: 200 })).toHaveLength(200);
    });

    it('should keep vectors of many dimensions', async () => {
      for (const size of [2_001, 4_000]) {
        const { tenantId, datasetId } = place();
        await store.ensureCollection(size);
        await store.upsert([
          point(tenantId, datasetId, axis(17, 0, size)),
          point(tenantId, datasetId, axis(99, 0, size)),
        ]);
        const hits = await store.search({ tenantId, datasetId, vector: axis(17, 0.1, size), topK: 1 });
        expect(hits[0]?.score).toBeGreaterThan(0.99);
        await store.deleteByDataset({ tenantId, datasetId });
        expect(await store.search({ tenantId, datasetId, vector: axis(17, 0, size), topK: 1 })).toEqual([]);
      }
    });

    it('should refuse what no search can be made of', async () => {
      const { tenantId, datasetId } = place();
      const twice = point(tenantId, datasetId, axis(0));
      const wrong: VectorPoint[][] = [
        [point(tenantId, datasetId, new Float32Array(dimensions))],
        [point(tenantId, datasetId, axis(0, Number.NaN))],
        [point(tenantId, datasetId, axis(0)), point(tenantId, datasetId, axis(0, 0, dimensions + 1))],
        [twice, twice],
        Array.from({ length: 1_001 }, () => point(tenantId, datasetId, axis(0))),
      ];
      for (const points of wrong) await expect(store.upsert(points)).rejects.toMatchObject({ code: 'vector_invalid' });
      await store.upsert([]);
      for (const topK of [0, 1.5, 1_001]) {
        const search = store.search({ tenantId, datasetId, vector: axis(0), topK });
        await expect(search).rejects.toMatchObject({ code: 'vector_query_invalid' });
      }
      await expect(store.ensureCollection(0)).rejects.toBeInstanceOf(VectorError);
    });
  });
}
