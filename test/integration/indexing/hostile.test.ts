import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskRow } from '../../../worker/runtime/index.ts';
import { hostileFolder, readHostileExpectations } from '../../fixtures/hostile.ts';
import { databaseNames } from '../../harness/databases.ts';
import { type Bench, expectComplete, expectNothingIndexed, type Place, startBench } from './bench.ts';

const expectations = await readHostileExpectations();
const refused = expectations.filter((expectation) => expectation.code !== null);
const taken = expectations.filter((expectation) => expectation.code === null);

describe.each(databaseNames)('hostile files on %s', (kind) => {
  let bench: Bench;
  let place: Place;
  const ended = new Map<string, { readonly id: string; readonly task: TaskRow }>();
  const endOf = (file: string) => {
    const known = ended.get(file);
    if (!known) throw new Error(`${file} was not indexed`);
    return known;
  };

  beforeAll(async () => {
    bench = await startBench(kind);
    place = await bench.dataset();
    const index = async (file: string, content: string | Uint8Array) => {
      ended.set(file, await bench.index(place, { name: file, content }));
    };
    await Promise.all([
      ...expectations.map(async ({ file }) => index(file, await readFile(new URL(file, hostileFolder)))),
      index('good.txt', 'The miller greases the wooden cogs with mutton tallow.'),
    ]);
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  it.each(refused)('should refuse $file as $code, in a sentence, and leave nothing of it', async ({ file, code }) => {
    const { id, task } = endOf(file);
    expect(task).toMatchObject({ status: 'FAILED', attempts: 1, dead_letter: true, error: { code } });
    const document = await bench.document(place, id);
    expect(document).toMatchObject({
      indexing_status: 'error',
      error_code: code,
      error: expect.stringMatching(/^[A-Z].{20,500}\.$/s),
      total_segments: 0,
      completed_segments: 0,
      completed_at: null,
      stopped_at: expect.any(Date),
    });
    expect(document.error).not.toMatch(/node_modules|\.ts:|undefined|\bnull\b/);
    await expectNothingIndexed(bench, id);
  });

  it.each(taken)('should take $file as $format', async ({ file, format }) => {
    const { id, task } = endOf(file);
    expect(task.status).toBe('COMPLETED');
    expect((await bench.document(place, id)).format).toBe(format);
    const segments = await expectComplete(bench, place, id);
    expect(segments.map((segment) => segment.content).join('\n')).not.toMatch(/word\/document\.xml|<w:|xmlns/);
  });

  it('should index a good document beside them', async () => {
    const { id } = endOf('good.txt');
    await expectComplete(bench, place, id);
    const [best] = await bench.search(place, 'mutton tallow for the cogs', { search_method: 'hybrid_search' });
    expect(best?.segment.document_id).toBe(id);
  });
});
