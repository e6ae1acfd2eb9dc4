import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DocumentError } from '../../../worker/services/document.ts';
import { extract } from '../../../worker/services/extraction/extract.ts';
import { defaultExtractLimits } from '../../../worker/services/extraction/extractor.ts';
import { processRuleSchema } from '../../../worker/services/splitting/process-rule.ts';
import { splitBlocks } from '../../../worker/services/splitting/split.ts';
import { databaseNames } from '../../harness/databases.ts';
import { type Bench, expectComplete, type Place, startBench } from './bench.ts';

const seed = Number(process.env.MILLRACE_TEST_SEED ?? 20_261_121);
console.info(`rules.test seed ${seed} (MILLRACE_TEST_SEED changes it)`);

const preProcessing = [
  { id: 'remove_extra_spaces', enabled: true },
  { id: 'remove_urls_emails', enabled: true },
];
const segmentation = (separator: string, max_tokens: number, chunk_overlap = 0) => ({
  separator,
  max_tokens,
  chunk_overlap,
});

describe.each(databaseNames)('process rules on %s', (kind) => {
  let bench: Bench;
  let place: Place;
  let economy: Place;
  beforeAll(async () => {
    bench = await startBench(kind);
    place = await bench.dataset();
    economy = await bench.dataset('economy');
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  it('should cut and clean by a custom rule', async () => {
    const { id } = await bench.index(place, {
      content: 'Write to   miller@example.org  now.###See https://example.org/mill for\t\tmore.###Third part.',
      rule: { mode: 'custom', rules: { pre_processing_rules: preProcessing, segmentation: segmentation('###', 50) } },
    });
    const segments = await expectComplete(bench, place, id);
    expect(segments.map((segment) => segment.content)).toEqual(['Write to now.', 'See for more.', 'Third part.']);
    expect(await bench.document(place, id)).toMatchObject({ doc_form: 'text_model' });
  });

  it.each(['paragraph', 'full-doc'] as const)(
    'should embed the children and return the parent of a hierarchical document (%s)',
    async (parent_mode) => {
      const dataset = await bench.dataset();
      bench.endpoint.forget();
      const { id } = await bench.index(dataset, {
        content: [
          `The weir of ${parent_mode} was raised.\nIts ${parent_mode} keeper is called Dorothea Pfennig.`,
          `The mill of ${parent_mode} was sold.\nIts ${parent_mode} buyer keeps bees and goats.`,
        ].join('\n\n'),
        rule: {
          mode: 'hierarchical',
          rules: {
            pre_processing_rules: [],
            segmentation: segmentation('\n\n', 500),
            parent_mode,
            subchunk_segmentation: segmentation('\n', 50),
          },
        },
      });
      const segments = await expectComplete(bench, dataset, id);
      expect(segments).toHaveLength(parent_mode === 'paragraph' ? 2 : 1);
      expect(segments.flatMap((segment) => segment.children)).toHaveLength(4);
      expect(bench.endpoint.embedded, 'the children, no parent').toHaveLength(4);
      expect(await bench.document(dataset, id)).toMatchObject({ doc_form: 'hierarchical_model' });
      const [best] = await bench.search(dataset, 'Dorothea Pfennig, keeper', { search_method: 'semantic_search' });
      expect(best?.segment.content).toContain('was raised');
      expect(best?.segment.child_chunks?.[0]?.content).toBe(`Its ${parent_mode} keeper is called Dorothea Pfennig.`);
      await bench.run('duplicate_document_indexing_task', dataset, [id]);
      expect(bench.endpoint.embedded, 'and the query').toHaveLength(5);
      await expectComplete(bench, dataset, id);
      const chunks = await bench.db.query('select id from child_chunks where document_id = $1', [id]);
      expect(chunks, 'none of the former generation').toHaveLength(4);
    },
  );

  it('should index an economy dataset by keywords and ask no endpoint', async () => {
    bench.endpoint.forget();
    const { id } = await bench.index(economy, { content: 'The brazier on the chapel roof warns the lower villages.' });
    const segments = await expectComplete(bench, economy, id);
    expect(segments[0]?.keywords).toContain('brazier');
    const [best] = await bench.search(economy, 'Who lights braziers?', { search_method: 'semantic_search' });
    expect(best?.segment.document_id).toBe(id);
    await bench.run('duplicate_document_indexing_task', economy, [id]);
    await expectComplete(bench, economy, id);
    expect(bench.endpoint.requests).toBe(0);
  });

  it('should find Chinese text by words inside its sentences, in both kinds of dataset', async () => {
    const content = '水碓舂米,每臼放谷十八斤。外村人舂米,每百斤要付茶叶半斤。\n\n老师傅用普洱茶和面,翻译由高小满担任。';
    const rule = { mode: 'custom', rules: { segmentation: segmentation('\n\n', 60) } };
    for (const where of [place, economy]) {
      const { id } = await bench.index(where, { name: '碓.txt', content, rule, language: 'zh-CN' });
      expect(await expectComplete(bench, where, id)).toHaveLength(2);
      for (const [query, position] of [
        ['普洱茶', 2],
        ['外村人付多少茶叶', 1],
        ['谁担任翻译', 2],
      ] as const) {
        const [best] = await bench.search(where, query, { search_method: 'full_text_search' });
        expect(best?.segment, query).toMatchObject({ document_id: id, position });
      }
      expect(await bench.search(where, '风车', { search_method: 'full_text_search' })).toEqual([]);
    }
  });

  it('should complete a document of symbols only, without vectors', async () => {
    const { id, task } = await bench.index(place, { content: '*** --- *** === ***' });
    expect(task.status).toBe('COMPLETED');
    expect(await bench.vectors(id), 'a text without words has no direction').toEqual([]);
    expect((await bench.segments(id)).every((segment) => segment.status === 'completed')).toBe(true);
  });

  it('should store what splitBlocks makes of the same text, whatever the rule', async () => {
    const words = fc.constantFrom(
      'mill',
      'river',
      '水碓舂米',
      '茶叶',
      'naïve',
      '12.5',
      'a@b.org',
      '👩‍🌾',
      '"q"',
      "o'clock",
      '\\',
      'x\u0000y',
    );
    const marks = fc.constantFrom(' ', ' ', '. ', '。', '\n', '\n\n', '  ', '\t', '? ');
    const text = fc
      .array(fc.tuple(words, marks), { minLength: 1, maxLength: 400 })
      .map((pairs) => pairs.map((pair) => pair.join('')).join(''));
    const cut = fc
      .record({
        separator: fc.constantFrom('\n\n', '\\n', '。', ''),
        max: fc.integer({ min: 50, max: 120 }),
        overlap: fc.integer({ min: 0, max: 40 }),
      })
      .map(({ separator, max, overlap }) => segmentation(separator, max, overlap));
    const cleaning = fc.subarray(preProcessing);
    const rule = fc.oneof(
      fc.constant({ mode: 'automatic' }),
      fc.record({
        mode: fc.constant('custom'),
        rules: fc.record({ pre_processing_rules: cleaning, segmentation: cut }),
      }),
      fc.record({
        mode: fc.constant('hierarchical'),
        rules: fc.record({
          pre_processing_rules: cleaning,
          segmentation: cut,
          parent_mode: fc.constantFrom('paragraph', 'full-doc'),
          subchunk_segmentation: cut,
        }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(text, rule, fc.boolean(), async (content, chosen, cheap) => {
        const where = cheap ? economy : place;
        const { id, task } = await bench.index(where, { content, rule: chosen });
        const expected = await splitHere(content, chosen);
        if (typeof expected === 'string') {
          expect(task.error).toMatchObject({ code: expected });
          return;
        }
        // no more than this: a text without any word gets no vector
        expect(await bench.document(where, id)).toMatchObject({ indexing_status: 'completed' });
        const stored = await bench.segments(id);
        expect(
          stored.map(({ position, content: kept, tokens, word_count, keywords, children }) => ({
            position,
            content: kept,
            tokens,
            wordCount: word_count,
            keywords,
            children: children.map((child) => ({ position: child.position, content: child.content })),
          })),
        ).toEqual(expected);
      }),
      { seed, numRuns: 20, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
    );
  });
});

/** Extracted and split in this process, without any worker; the code of the error when that cannot be done. */
async function splitHere(content: string, rule: unknown) {
  const bytes = (async function* () {
    yield Buffer.from(content);
  })();
  const found = [];
  try {
    const { blocks } = await extract(bytes, 'text.txt', { limits: defaultExtractLimits, cache: new Map() });
    for await (const segment of splitBlocks(blocks, processRuleSchema.parse(rule))) {
      const { position, content: text, tokens, wordCount, keywords, children = [] } = segment;
      found.push({ position, content: text, tokens, wordCount, keywords, children });
    }
  } catch (error) {
    if (error instanceof DocumentError) return error.code;
    throw error;
  }
  return found.length > 0 ? found : 'document_empty';
}
