import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pauseDocument } from '../../../worker/services/knowledge/document-state.ts';
import { databaseNames } from '../../harness/databases.ts';
import { type Bench, expectComplete, paragraphRule, paragraphs, startBench } from './bench.ts';

/** Four batches of embedding. */
const count = 110;

describe.each(databaseNames)('pausing a document on %s', (kind) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench(kind);
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  it('should stop after the batch under way, and go on at the next one', async () => {
    const place = await bench.dataset();
    const id = await bench.put(place, { content: paragraphs(count, 'pause'), rule: paragraphRule });
    bench.endpoint.behave(({ nth }) => (nth === 2 ? 'hold' : 200));
    const task = await bench.send('document_indexing_task', place, [id]);
    await bench.untilHeld();
    expect(await pauseDocument(bench.db, place.tenantId, id)).toBe(true);
    bench.endpoint.heal();
    expect(await bench.runtime.ended(task)).toMatchObject({ status: 'COMPLETED', result: { status: 'skipped' } });
    expect(await bench.document(place, id)).toMatchObject({ indexing_status: 'paused', completed_segments: 32 });
    expect(await bench.search(place, 'pause', { search_method: 'full_text_search' })).toEqual([]);

    expect(await bench.run('recover_document_indexing_task', place, id)).toMatchObject({ status: 'COMPLETED' });
    const segments = await expectComplete(bench, place, id);
    expect(segments).toHaveLength(count);
    expect(new Set(bench.endpoint.embedded).size).toBe(bench.endpoint.embedded.length);
  });

  it('should not pause what is done', async () => {
    const place = await bench.dataset();
    const { id } = await bench.index(place, { content: 'Nothing is left to pause here.' });
    expect(await pauseDocument(bench.db, place.tenantId, id)).toBe(false);
  });
});
