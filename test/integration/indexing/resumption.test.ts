import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { retryDeadLetters } from '../../../worker/runtime/index.ts';
import { markDocumentDeleted } from '../../../worker/services/knowledge/documents.ts';
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

/** Four batches of embedding. */
const count = 110;

describe.each(databaseNames)('indexing that is disturbed on %s', (kind) => {
  let bench: Bench;
  let place: Place;
  beforeAll(async () => {
    bench = await startBench(kind);
    place = await bench.dataset();
  });
  afterEach(() => {
    bench.slowFiles.release();
    bench.endpoint.heal();
    bench.endpoint.forget();
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  /** Each test has words of its own, so that no other has embedded them before. */
  const put = (about: string) => bench.put(place, { content: paragraphs(count, about), rule: paragraphRule });
  const start = async (about: string) => {
    const id = await put(about);
    return { id, task: await bench.send('document_indexing_task', place, [id]) };
  };
  const contents = (segments: readonly { readonly content: string }[]) => segments.map((segment) => segment.content);
  const twice = (texts: readonly string[]) => texts.filter((text, at) => texts.indexOf(text) !== at);

  it('should go on after a failure of the embedding endpoint, embed nothing twice, and store what an undisturbed run stores', async () => {
    bench.endpoint.behave(({ nth, texts }) => (nth <= 2 || texts.length === 1 ? 200 : 503));
    const { id, task } = await start('weir');
    await bench.untilStatus(task, 'RETRYING');
    const before = await bench.segments(id);
    expect(before.filter((segment) => segment.status === 'completed')).toHaveLength(64);
    expect(await bench.vectors(id)).toHaveLength(64);
    expect(await bench.document(place, id)).toMatchObject({
      indexing_status: 'indexing',
      total_segments: count,
      completed_segments: 64,
    });
    expect(await bench.search(place, 'weir', { search_method: 'full_text_search' })).toEqual([]);
    expect(await bench.search(place, 'weir')).toEqual([]);
    bench.endpoint.heal();
    expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED', attempts: 2 });
    const after = await expectComplete(bench, place, id);
    expect(after.map((segment) => segment.id)).toEqual(before.map((segment) => segment.id));
    expect(after.slice(0, 64)).toEqual(before.slice(0, 64));
    const asked = ['weir'];
    expect(bench.endpoint.embedded).toHaveLength(count + asked.length);
    expect(twice(bench.endpoint.embedded)).toEqual([]);
    const { id: undisturbed } = await bench.index(place, { content: paragraphs(count, 'weir'), rule: paragraphRule });
    expect(contents(after)).toEqual(contents(await expectComplete(bench, place, undisturbed)));
    expect(bench.endpoint.embedded, 'the same text, embedded before').toHaveLength(count + asked.length);
  });

  it.each([429, 500])('should go on after HTTP %i at the first request', async (status) => {
    bench.endpoint.behave(({ nth }) => (nth === 1 ? status : 200));
    const { id, task } = await start(`sluice${status}`);
    expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED', attempts: 2 });
    await expectComplete(bench, place, id);
  });

  it('should show a document whose task was cancelled as an error, and index it when asked again', async () => {
    bench.endpoint.behave(({ nth }) => (nth <= 2 ? 200 : 'hold'));
    const { id, task } = await start('cancelled');
    await bench.untilHeld();
    await bench.cancel(task);
    expect(await bench.document(place, id)).toMatchObject({
      indexing_status: 'error',
      error_code: 'task_cancelled',
      error: 'cancelled by a test',
    });
    expect(await bench.search(place, 'cancelled', { search_method: 'full_text_search' })).toEqual([]);
    bench.endpoint.heal();
    expect(await bench.run('retry_document_indexing_task', place, [id])).toMatchObject({ status: 'COMPLETED' });
    expect(await expectComplete(bench, place, id)).toHaveLength(count);
  });

  it('should go on with an abandoned document at the batch it stopped at', async () => {
    bench.endpoint.behave(({ nth }) => (nth <= 2 ? 200 : 'hold'));
    const { id, task } = await start('abandoned');
    await bench.untilHeld();
    await bench.cancel(task);
    const before = await bench.segments(id);
    bench.endpoint.heal();
    bench.endpoint.forget();
    expect(await bench.run('recover_document_indexing_task', place, id)).toMatchObject({ status: 'COMPLETED' });
    const after = await expectComplete(bench, place, id);
    expect(after.map((segment) => segment.id)).toEqual(before.map((segment) => segment.id));
    expect(bench.endpoint.embedded).toHaveLength(count - 64);
  });

  it('should leave a paused document alone until it is recovered', async () => {
    bench.endpoint.behave(({ nth }) => (nth <= 1 ? 200 : 'hold'));
    const { id, task } = await start('paused');
    await bench.untilHeld();
    await bench.cancel(task);
    await bench.db.query(`update documents set indexing_status = 'paused', paused_at = now() where id = $1`, [id]);
    bench.endpoint.heal();
    const left = await bench.run('document_indexing_task', place, [id]);
    expect(left).toMatchObject({ status: 'COMPLETED', result: { status: 'skipped', segments: 32 } });
    expect(await bench.document(place, id)).toMatchObject({ indexing_status: 'paused', error: null });
    const elsewhere = await bench.dataset();
    expect(await bench.run('recover_document_indexing_task', elsewhere, id)).toMatchObject({
      result: { status: 'skipped' },
    });
    expect((await bench.document(place, id)).indexing_status, 'not of that dataset').toBe('paused');
    await bench.run('recover_document_indexing_task', place, id);
    expect(await expectComplete(bench, place, id)).toHaveLength(count);
    expect(await bench.document(place, id)).toMatchObject({ paused_at: null });
  });

  it('should leave nothing of a document whose attempts are spent, and complete it when its dead letter is retried', async () => {
    bench.endpoint.behave(({ nth }) => (nth <= 1 ? 200 : 500));
    const { id, task } = await start('spent');
    const failed = await bench.runtime.ended(task);
    expect(failed).toMatchObject({ status: 'FAILED', attempts: 3, dead_letter: true });
    expect(await bench.document(place, id)).toMatchObject({
      indexing_status: 'error',
      error_code: 'embedding_unreachable',
      error: expect.stringMatching(/^The embedding endpoint .+\.$/s),
    });
    await expectNothingIndexed(bench, id);
    bench.endpoint.heal();
    bench.endpoint.forget();
    await bench.db.tx((tx) => retryDeadLetters(tx, place.tenantId, { id: task }, 10));
    expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED' });
    expect(await expectComplete(bench, place, id)).toHaveLength(count);
    expect(bench.endpoint.embedded, 'the first batch was embedded before').toHaveLength(count - 32);
  });

  it('should end quietly when the document is deleted meanwhile, and leave nothing', async () => {
    bench.endpoint.behave(({ nth }) => (nth <= 2 ? 200 : 'hold'));
    const { id, task } = await start('deleted');
    await bench.untilHeld();
    expect(await markDocumentDeleted(bench.db, place.tenantId, place.datasetId, id)).toBe(true);
    const cleaned = await bench.run('clean_document_task', place, id);
    expect(cleaned).toMatchObject({ status: 'COMPLETED', result: { segments: count } });
    bench.endpoint.heal();
    expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED', result: { status: 'skipped' } });
    await expectNothingIndexed(bench, id);
    expect(await bench.db.query('select id from documents where id = $1', [id])).toEqual([]);
    expect((await bench.files()).filter((file) => file.includes(id))).toEqual([]);
  });

  it('should end quietly when the document is deleted and the endpoint then fails', async () => {
    bench.endpoint.behave(() => 'hold');
    const { id, task } = await start('deleted-failing');
    await bench.untilHeld();
    await markDocumentDeleted(bench.db, place.tenantId, place.datasetId, id);
    await bench.run('clean_document_task', place, id);
    bench.endpoint.behave(() => 401);
    bench.endpoint.refuseHeld(401);
    expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED', result: { status: 'skipped' } });
    await expectNothingIndexed(bench, id);
  });

  it('should store no segment twice when two tasks index one document at once', async () => {
    const id = await put('both');
    bench.endpoint.behave(() => 'hold');
    const first = await bench.send('document_indexing_task', place, [id]);
    const second = await bench.send('priority_document_indexing_task', place, [id]);
    await vi.waitFor(() => expect(bench.endpoint.held).toBe(2), 20_000);
    bench.endpoint.heal();
    for (const task of [first, second]) {
      expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED' });
    }
    expect(await expectComplete(bench, place, id)).toHaveLength(count);
  });

  it('should let no task that comes late take a completed document back', async () => {
    await bench.db.tx((tx) =>
      tx.script(`
        create table statuses (n serial, document_id uuid, status text);
        create function note_status() returns trigger language plpgsql as $$
          begin insert into statuses (document_id, status) values (new.id, new.indexing_status); return new; end $$;
        create trigger note_status after update on documents for each row
          when (old.indexing_status is distinct from new.indexing_status) execute function note_status();`),
    );
    const id = await put('late');
    bench.slowFiles.hold();
    const first = await bench.send('document_indexing_task', place, [id]);
    const second = await bench.send('document_indexing_task', place, [id]);
    await vi.waitFor(() => expect(bench.slowFiles.waiting).toBe(2), 20_000);
    bench.slowFiles.releaseOne();
    await vi.waitFor(async () => expect((await bench.document(place, id)).indexing_status).toBe('completed'), 20_000);
    const segments = await expectComplete(bench, place, id);
    bench.slowFiles.release();
    for (const task of [first, second]) {
      expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED' });
    }
    expect(await expectComplete(bench, place, id)).toEqual(segments);
    const seen = await bench.db.query<{ status: string }>(
      'select status from statuses where document_id = $1 order by n',
      [id],
    );
    expect(seen.map((row) => row.status)).toEqual(['parsing', 'cleaning', 'splitting', 'indexing', 'completed']);
  });

  it('should find nothing of a document while it is indexed anew, and only the new text then', async () => {
    const { id } = await bench.index(place, { content: paragraphs(count, 'oldstone'), rule: paragraphRule });
    const find = async (word: string) => {
      const found = await Promise.all(
        (['full_text_search', 'keyword_search', 'semantic_search', 'hybrid_search'] as const).map((search_method) =>
          bench.search(place, word, { search_method, top_k: 100 }),
        ),
      );
      return found.flat().filter((record) => record.segment.document_id === id);
    };
    expect((await find('oldstone')).length).toBeGreaterThan(0);
    const document = await bench.document(place, id);
    await bench.services.storage.put(
      document.storage_key,
      (async function* () {
        yield Buffer.from(paragraphs(count, 'newstone'));
      })(),
    );
    bench.endpoint.behave(({ nth, texts }) => (nth <= 2 || texts.length === 1 ? 200 : 'hold'));
    const task = await bench.send('document_indexing_update_task', place, id);
    await bench.untilHeld();
    expect(await bench.document(place, id)).toMatchObject({ indexing_status: 'indexing', completed_segments: 64 });
    for (const word of ['oldstone', 'newstone']) expect(await find(word)).toEqual([]);
    bench.endpoint.heal();
    expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED' });
    const found = await find('newstone');
    expect(found.length).toBeGreaterThan(0);
    expect(found.every((record) => record.segment.content.includes('newstone'))).toBe(true);
    expect(contents(await expectComplete(bench, place, id)).join()).not.toContain('oldstone');
  });

  it('should let only the newest run write when a document is indexed anew in mid-indexing', async () => {
    bench.endpoint.behave(({ nth }) => (nth <= 1 ? 200 : 'hold'));
    const { id, task } = await start('overtaken');
    await bench.untilHeld();
    bench.endpoint.behave(() => 200);
    expect(await bench.run('duplicate_document_indexing_task', place, [id])).toMatchObject({ status: 'COMPLETED' });
    const segments = await expectComplete(bench, place, id);
    bench.endpoint.heal();
    expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED', result: { status: 'skipped' } });
    expect(await expectComplete(bench, place, id)).toEqual(segments);
  });
});
