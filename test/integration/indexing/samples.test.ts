import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RetrievalRecord } from '../../../worker/services/retrieval/index.ts';
import { documentsFolder, readQuestions } from '../../fixtures/questions.ts';
import { databaseNames } from '../../harness/databases.ts';
import { type Bench, expectComplete, type Place, startBench } from './bench.ts';

const questions = await readQuestions();
const names = [...new Set(questions.map((question) => question.document))];
/** These have next to no word in common with their answer: only a real model finds it. */
const askedByMeaning = ['When the river is in flood, how are the villages downstream warned?'];
const askedInWords = questions.filter(({ question }) => !askedByMeaning.includes(question));
/** The endpoint's vectors are made of words too, and worse at it. */
const weights = { vector_setting: { vector_weight: 0.3 }, keyword_setting: { keyword_weight: 0.7 } };
const formatOf = (name: string) => name.slice(name.lastIndexOf('.') + 1);

describe.each(databaseNames)('the sample documents on %s', (kind) => {
  let bench: Bench;
  let place: Place;
  const idOf = new Map<string, string>();

  beforeAll(async () => {
    bench = await startBench(kind);
    place = await bench.dataset();
    for (const name of names) {
      const content = await readFile(new URL(name, documentsFolder));
      idOf.set(name, await bench.put(place, { name, content }));
    }
    const accepted = await Promise.all(
      [...idOf.values()].map((id) => bench.send('document_indexing_task', place, [id])),
    );
    await Promise.all(accepted.map((id) => bench.runtime.ended(id, 110_000)));
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  it.each(names)('should index %s to the end, with its metadata, times, positions and vectors', async (name) => {
    const id = idOf.get(name) ?? '';
    const segments = await expectComplete(bench, place, id);
    const document = await bench.document(place, id);
    expect(document).toMatchObject({ format: formatOf(name), metadata: { format: formatOf(name) } });
    expect(document.word_count).toBe(segments.reduce((sum, segment) => sum + segment.word_count, 0));
    expect(document.tokens).toBe(segments.reduce((sum, segment) => sum + segment.tokens, 0));
    const times = [
      document.processing_started_at,
      document.parsing_completed_at,
      document.cleaning_completed_at,
      document.splitting_completed_at,
      document.completed_at,
    ].map((time) => time?.getTime() ?? Number.NaN);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.every(Number.isFinite)).toBe(true);
    expect(document.stopped_at).toBeNull();
    expect(segments.every((segment) => segment.completed_at !== null)).toBe(true);
    if (['pdf', 'pptx'].includes(formatOf(name))) expect(segments.every((segment) => segment.page !== null)).toBe(true);
    for (const { expect: answer, page } of questions.filter((question) => question.document === name)) {
      const at = segments.findIndex((segment) => segment.content.includes(answer));
      expect(at, `the segment of ${name} that holds “${answer}”`).toBeGreaterThanOrEqual(0);
      if (page === undefined) continue;
      // a segment has the page it begins on, and may go on over the next ones
      expect(segments[at]?.page).toBeLessThanOrEqual(page);
      expect(segments[at + 1]?.page ?? page).toBeGreaterThanOrEqual(page);
    }
  });

  describe.each([
    ['by words', { search_method: 'full_text_search' }],
    ['by words and meaning', { search_method: 'hybrid_search', weights }],
  ] as const)('%s', (_how, model) => {
    it.each(askedInWords)('should answer from $document: $question', async ({ question, document }) => {
      const found = await bench.search(place, question, { ...model, top_k: 3 });
      expect(documentsOf(found)).toContain(document);
    });
  });
});

const documentsOf = (records: readonly RetrievalRecord[]) => records.map((record) => record.segment.document.name);
