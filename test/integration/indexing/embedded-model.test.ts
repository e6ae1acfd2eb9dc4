import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEmbedder } from '../../../worker/services/embedding/index.ts';
import { documentsFolder, readQuestions } from '../../fixtures/questions.ts';
import { type Bench, expectComplete, type Place, startBench } from './bench.ts';

/** Its 300 pages alone keep one thread of the model busy for minutes; the demo asks it. */
const large = 'repair-log.pdf';
/** The embedded model knows English; other languages are found by their words. */
const questions = (await readQuestions()).filter(({ document }) => document !== large);
const names = [...new Set(questions.map((question) => question.document))];

describe('the sample documents under the embedded model', () => {
  let bench: Bench;
  let place: Place;
  beforeAll(async () => {
    bench = await startBench('pglite', (db) =>
      createEmbedder({ provider: 'embedded' }, { db, fetch: globalThis.fetch }),
    );
    place = await bench.dataset();
    const ids = await Promise.all(
      names.map(async (name) => bench.put(place, { name, content: await readFile(new URL(name, documentsFolder)) })),
    );
    const tasks = await Promise.all(ids.map((id) => bench.send('document_indexing_task', place, [id])));
    for (const task of tasks) await bench.runtime.ended(task, 110_000);
    for (const id of ids) await expectComplete(bench, place, id);
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  it.each(questions.filter(({ language }) => language === 'en'))(
    'should answer by meaning from $document: $question',
    async ({ question, document }) => {
      const found = await bench.search(place, question, { search_method: 'semantic_search', top_k: 3 });
      expect(found.map((record) => record.segment.document.name)).toContain(document);
    },
  );

  it.each(questions)('should answer by meaning and words from $document: $question', async ({ question, document }) => {
    const found = await bench.search(place, question, { search_method: 'hybrid_search', top_k: 3 });
    expect(found.map((record) => record.segment.document.name)).toContain(document);
  });
});
