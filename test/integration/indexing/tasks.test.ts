import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { markDatasetDeleted } from '../../../worker/services/knowledge/datasets.ts';
import { markDocumentDeleted } from '../../../worker/services/knowledge/documents.ts';
import { ensureTenant } from '../../../worker/services/tenants/tenants.ts';
import { hostileFolder } from '../../fixtures/hostile.ts';
import { databaseNames } from '../../harness/databases.ts';
import {
  type Bench,
  expectComplete,
  expectNothingIndexed,
  type Place,
  paragraphRule,
  paragraphs,
  startBench,
} from './bench.ts';

const otherTenantId = '00000000-0000-7000-8000-0000000000b2';

describe.each(databaseNames)('the dataset tasks on %s', (kind) => {
  let bench: Bench;
  let place: Place;
  beforeAll(async () => {
    bench = await startBench(kind);
    await ensureTenant(bench.db, otherTenantId, 'other');
    place = await bench.dataset();
  });
  afterEach(() => {
    bench.slowFiles.release();
    bench.endpoint.forget();
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  /** A completed document with words of its own. */
  const indexed = async (about: string, into = place) => {
    const { id, task } = await bench.index(into, { content: paragraphs(5, about), rule: paragraphRule });
    expect(task.status).toBe('COMPLETED');
    return id;
  };
  const finds = async (word: string, where = place) =>
    (await bench.search(where, word, { search_method: 'full_text_search', top_k: 100 })).length +
    (await bench.search(where, word, { search_method: 'semantic_search', top_k: 100 })).filter((record) =>
      record.segment.content.includes(word),
    ).length;
  const rowsOf = (id: string) => bench.db.query('select id from documents where id = $1', [id]);
  const filesOf = async (id: string) => (await bench.files()).filter((file) => file.includes(id));

  it.each([
    'duplicate_document_indexing_task',
    'priority_duplicate_document_indexing_task',
    'retry_document_indexing_task',
  ])('should index anew by %s, and embed nothing when the text is the same', async (task) => {
    const id = await indexed(task);
    const before = await expectComplete(bench, place, id);
    bench.endpoint.forget();
    expect(await bench.run(task, place, [id])).toMatchObject({
      status: 'COMPLETED',
      result: { document_id: id, status: 'completed', segments: 5 },
    });
    const after = await expectComplete(bench, place, id);
    expect(after.map((segment) => segment.content)).toEqual(before.map((segment) => segment.content));
    expect(after[0]?.generation).toBe((before[0]?.generation ?? 0) + 1);
    expect(bench.endpoint.requests).toBe(0);
  });

  it('should index anew by document_indexing_update_task with the settings as they are now, and embed only what is new', async () => {
    const id = await indexed('updated');
    const known = (await bench.segments(id)).map((segment) => segment.content);
    await bench.db.query('update documents set process_rule = $2::jsonb where id = $1', [
      id,
      JSON.stringify({
        ...paragraphRule,
        rules: { ...paragraphRule.rules, segmentation: { separator: '', max_tokens: 50, chunk_overlap: 0 } },
      }),
    ]);
    bench.endpoint.forget();
    expect(await bench.run('document_indexing_update_task', place, id)).toMatchObject({ status: 'COMPLETED' });
    const segments = await expectComplete(bench, place, id);
    expect(segments.length).toBeLessThan(5);
    const fresh = segments.map((segment) => segment.content).filter((content) => !known.includes(content));
    expect(fresh.length).toBeGreaterThan(0);
    expect(bench.endpoint.embedded).toEqual(fresh);
  });

  it('should leave a completed document alone', async () => {
    const id = await indexed('finished');
    const before = await bench.segments(id);
    for (const task of ['document_indexing_task', 'priority_document_indexing_task']) {
      expect(await bench.run(task, place, [id])).toMatchObject({ result: { status: 'skipped', segments: 5 } });
    }
    expect(await bench.run('recover_document_indexing_task', place, id)).toMatchObject({
      result: { status: 'skipped' },
    });
    expect(await bench.segments(id)).toEqual(before);
  });

  it('should hide a document and show it again', async () => {
    const id = await indexed('hideable');
    expect(await finds('hideable')).toBeGreaterThan(0);
    for (const _again of [1, 2]) {
      expect(await bench.run('remove_document_from_index_task', place, id)).toMatchObject({
        status: 'COMPLETED',
        result: { status: 'completed' },
      });
      expect(await finds('hideable')).toBe(0);
    }
    expect(await bench.document(place, id)).toMatchObject({ enabled: false, indexing_status: 'completed' });
    await bench.run('duplicate_document_indexing_task', place, [id]);
    expect(await finds('hideable'), 'indexed anew, still hidden').toBe(0);
    await bench.run('add_document_to_index_task', place, id);
    expect(await finds('hideable')).toBe(10);
    await expectComplete(bench, place, id);
  });

  it('should remove all that a deleted document left, and nothing of its neighbour', async () => {
    const [id, neighbour] = [await indexed('doomed'), await indexed('neighbour')];
    expect(await bench.run('clean_document_task', place, id), 'not marked as deleted').toMatchObject({
      result: { segments: 0 },
    });
    await expectComplete(bench, place, id);
    await markDocumentDeleted(bench.db, place.tenantId, place.datasetId, id);
    expect(await finds('doomed')).toBe(0);
    for (const segments of [5, 0]) {
      expect(await bench.run('clean_document_task', place, id)).toMatchObject({
        status: 'COMPLETED',
        result: { segments },
      });
    }
    await expectNothingIndexed(bench, id);
    expect([await rowsOf(id), await filesOf(id)]).toEqual([[], []]);
    await expectComplete(bench, place, neighbour);
    expect(await filesOf(neighbour)).toHaveLength(1);
  });

  it('should remove several deleted documents at once', async () => {
    const ids = [await indexed('one-of-many'), await indexed('two-of-many')];
    const kept = await indexed('kept-of-many');
    for (const id of ids) await markDocumentDeleted(bench.db, place.tenantId, place.datasetId, id);
    expect(await bench.run('batch_clean_document_task', place, [...ids, kept])).toMatchObject({
      status: 'COMPLETED',
      result: { documents: 3, segments: 10 },
    });
    for (const id of ids) {
      await expectNothingIndexed(bench, id);
      expect([await rowsOf(id), await filesOf(id)]).toEqual([[], []]);
    }
    await expectComplete(bench, place, kept);
  });

  it('should remove a deleted dataset with everything in it, and leave one that is not deleted', async () => {
    const doomed = await bench.dataset();
    const ids = [await indexed('first', doomed), await indexed('second', doomed)];
    ids.push(
      (await bench.index(doomed, { name: 'x.pdf', content: await readFile(new URL('scanned.pdf', hostileFolder)) })).id,
    );
    ids.push(await bench.put(doomed, { content: 'never indexed' }));
    const clean = async () => {
      const payload = { tenant_id: doomed.tenantId, dataset_id: doomed.datasetId };
      const { id } = await bench.runtime.enqueuer.one({
        task: 'clean_dataset_task',
        payload,
        tenantId: doomed.tenantId,
      });
      return bench.runtime.ended(id);
    };
    expect(await clean()).toMatchObject({ status: 'COMPLETED', result: { documents: 0 } });
    await expectComplete(bench, doomed, ids[0] ?? '');
    await bench.db.tx((tx) => markDatasetDeleted(tx, doomed.tenantId, doomed.datasetId));
    for (const documents of [4, 0]) expect(await clean()).toMatchObject({ status: 'COMPLETED', result: { documents } });
    for (const id of ids) {
      await expectNothingIndexed(bench, id);
      expect([await rowsOf(id), await filesOf(id)]).toEqual([[], []]);
    }
    expect(await bench.db.query('select id from datasets where id = $1', [doomed.datasetId])).toEqual([]);
  });

  it('should refuse a payload that names another tenant', async () => {
    const id = await indexed('foreign');
    for (const task of ['document_indexing_task', 'retry_document_indexing_task', 'batch_clean_document_task']) {
      const sent = await bench.send(task, place, [id], otherTenantId);
      expect(await bench.runtime.ended(sent)).toMatchObject({
        status: 'FAILED',
        attempts: 1,
        error: { code: 'tenant_mismatch' },
      });
    }
    await expectComplete(bench, place, id);
  });

  it('should not touch a document of another tenant or dataset, whatever is asked', async () => {
    const id = await indexed('fenced');
    const before = await bench.segments(id);
    const elsewhere = [
      { ...place, tenantId: otherTenantId },
      await bench.dataset('high_quality', otherTenantId),
      await bench.dataset(),
    ];
    for (const wrong of elsewhere) {
      for (const task of ['document_indexing_task', 'duplicate_document_indexing_task', 'retry_document_indexing_task'])
        expect(await bench.run(task, wrong, [id])).toMatchObject({ result: { status: 'skipped', segments: 0 } });
      for (const task of [
        'document_indexing_update_task',
        'recover_document_indexing_task',
        'add_document_to_index_task',
        'remove_document_from_index_task',
      ])
        expect(await bench.run(task, wrong, id)).toMatchObject({ result: { status: 'skipped' } });
      expect(await bench.run('clean_document_task', wrong, id)).toMatchObject({ result: { segments: 0 } });
      expect(await bench.search(wrong, 'fenced', { search_method: 'full_text_search' }).catch(codeOf)).toEqual(
        wrong.datasetId === place.datasetId ? 'dataset_not_found' : [],
      );
    }
    expect(await bench.segments(id)).toEqual(before);
    expect(await bench.document(place, id)).toMatchObject({ enabled: true, indexing_status: 'completed' });
    // also when it is marked as deleted: only its own tenant removes it
    await markDocumentDeleted(bench.db, place.tenantId, place.datasetId, id);
    await bench.run('clean_document_task', { ...place, tenantId: otherTenantId }, id);
    expect(await bench.segments(id)).toHaveLength(5);
  });

  it('should refuse a dataset that was made with another embedding model', async () => {
    const foreign = await bench.dataset();
    await bench.db.query(`update datasets set embedding_model = 'other/model' where id = $1`, [foreign.datasetId]);
    const { id, task } = await bench.index(foreign, { content: paragraphs(3) });
    expect(task).toMatchObject({ status: 'FAILED', attempts: 1, error: { code: 'embedding_model_changed' } });
    expect(await bench.document(foreign, id)).toMatchObject({
      indexing_status: 'error',
      error_code: 'embedding_model_changed',
    });
    await expectNothingIndexed(bench, id);
  });

  it.each(['document_indexing_task', 'priority_document_indexing_task'])(
    'should make one %s of each of five documents, so that the bad one harms no other',
    async (task) => {
      const good = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) =>
          bench.put(place, { content: paragraphs(3, `${name} ${task}`), rule: paragraphRule }),
        ),
      );
      const bad = await bench.put(place, { content: await readFile(new URL('truncated.pdf', hostileFolder)) });
      const ids = [...good.slice(0, 2), bad, ...good.slice(2)];
      const parent = await bench.run(task, place, ids);
      expect(parent).toMatchObject({ status: 'COMPLETED', result: { task_ids: ids.map(() => expect.any(String)) } });
      const { task_ids: children } = parent.result as { task_ids: string[] };
      const ended = await Promise.all(children.map((child) => bench.runtime.ended(child)));
      expect(ended.map((row) => [row.name, row.status])).toEqual(
        ids.map((id) => [task, id === bad ? 'FAILED' : 'COMPLETED']),
      );
      for (const id of good) await expectComplete(bench, place, id);
      expect(await bench.document(place, bad)).toMatchObject({
        indexing_status: 'error',
        error_code: 'document_truncated',
        task_id: children[2],
      });
      await expectNothingIndexed(bench, bad);
    },
  );

  it('should show a document as an error when its own task of several is cancelled before it starts', async () => {
    bench.slowFiles.hold();
    const put = (about: string) => bench.put(place, { content: paragraphs(2, about), rule: paragraphRule });
    // all slots but one, which the parent takes and its first child after it
    const busy = await Promise.all(
      [1, 2, 3].map(async (n) => bench.send('document_indexing_task', place, [await put(`busy${n}`)])),
    );
    await vi.waitFor(() => expect(bench.runtime.consumer.running).toHaveLength(3), 20_000);
    const [first, second] = [await put('first-child'), await put('second-child')];
    const parent = await bench.run('document_indexing_task', place, [first, second]);
    const { task_ids: children } = parent.result as { task_ids: string[] };
    await vi.waitFor(() => expect(bench.runtime.consumer.running).toHaveLength(4), 20_000);
    const running = bench.runtime.consumer.running.map((run) => run.id);
    const waiting = children.findIndex((child) => !running.includes(child));
    await bench.cancel(children[waiting] ?? '');
    bench.slowFiles.release();
    const [cancelled, other] = waiting === 0 ? [first, second] : [second, first];
    expect(await bench.document(place, cancelled)).toMatchObject({
      indexing_status: 'error',
      error_code: 'task_cancelled',
    });
    for (const task of [...busy, children[1 - waiting] ?? '']) {
      expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED' });
    }
    await expectComplete(bench, place, other);
  });

  it('should say of a document that nobody knows that it was skipped', async () => {
    expect(await bench.run('document_indexing_task', place, [randomUUID()])).toMatchObject({
      status: 'COMPLETED',
      result: { status: 'skipped', segments: 0 },
    });
  });
});

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error);
