import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/esm/encoding/cl100k_base';
import { describe, expect, test } from 'vitest';
import type { Block, Segment } from '../document.ts';
import { type ProcessRule, processRuleSchema } from './process-rule.ts';
import { splitBlocks } from './split.ts';

const seed = Number(process.env.MILLRACE_TEST_SEED ?? 20_261_121);
console.info(`split.property.test seed ${seed} (MILLRACE_TEST_SEED changes it)`);
const runs = { seed, numRuns: 150 };

const words = fc.constantFrom(
  'the',
  'river',
  'Millrace',
  'e.g.',
  'Dr.',
  'water',
  '机器学习',
  '数据',
  '東京タワー',
  'です',
  'ひらがな',
  '한국어',
  'สวัสดีครับ',
  '👨‍👩‍👧‍👦',
  '🇩🇪🇫🇷',
  'é',
  'x̂',
  '12345',
  'foo_bar()',
  '…',
  'naïve',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  '𠮷野家',
  '===',
);
const marks = fc.constantFrom(' ', ' ', ' ', '. ', ', ', '。', '，', '\n', '\n\n', '  ', '！', '? ', '\t', '');
const prose = fc
  .array(fc.tuple(words, marks), { minLength: 1, maxLength: 120 })
  .map((list) => list.map(([word, mark]) => word + mark).join(''));
const text = fc.oneof(
  { weight: 6, arbitrary: prose },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
);
const block: fc.Arbitrary<Block> = fc.record({
  kind: fc.constantFrom('text', 'text', 'heading', 'code', 'row'),
  text,
  page: fc.integer({ min: 1, max: 9 }),
});
const blocks = fc.array(block, { maxLength: 8 });
const limits = fc.integer({ min: 50, max: 120 }).chain((max) =>
  fc.record({
    separator: fc.constantFrom('\n\n', '\\n', '。', ''),
    max_tokens: fc.constant(max),
    chunk_overlap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: max - 1 })),
  }),
);
const spaces = fc.boolean().map((enabled) => [{ id: 'remove_extra_spaces', enabled }]);
const custom = fc
  .record({ pre_processing_rules: spaces, segmentation: limits })
  .map((rules) => processRuleSchema.parse({ mode: 'custom', rules }));
const hierarchical = fc
  .record({
    pre_processing_rules: spaces,
    parent_mode: fc.constantFrom('paragraph', 'full-doc'),
    segmentation: limits,
    subchunk_segmentation: limits.map((value) => ({ ...value, chunk_overlap: 0 })),
  })
  .map((rules) => processRuleSchema.parse({ mode: 'hierarchical', rules }));

async function all(input: Iterable<Block>, rule: ProcessRule): Promise<Segment[]> {
  return collected(splitBlocks(input, rule));
}

/** What must be found again: the text without white space, by the rules that always hold. */
function bare(value: string): string {
  return value
    .toWellFormed()
    .replace(/<\|/g, '<')
    .replace(/\|>/g, '>')
    .replace(/[\p{Cc}\ufffe\uffff\s]/gu, (found) => (/[\u0080-\u009f]/.test(found) ? found : ''));
}

function exactTokens(content: string): number {
  return countTokens(content, { disallowedSpecial: new Set() });
}

function overlapOf(rule: ProcessRule): number {
  return rule.mode === 'custom' ? rule.rules.segmentation.chunk_overlap : 0;
}

/** Whether segments cover the text in order, each beginning with a tail of what came before of at most `overlap` tokens. */
function covers(expected: string, segments: readonly Segment[], overlap: number): boolean {
  let ends = new Set([0]);
  for (const { content } of segments) {
    const own = bare(content);
    const next = new Set<number>();
    for (const end of ends) {
      for (let back = 0; back <= Math.min(end, own.length - 1); back += 1) {
        if (!expected.startsWith(own, end - back)) continue;
        if (exactTokens(headOf(content, back)) <= overlap) next.add(end - back + own.length);
      }
    }
    ends = next;
  }
  return ends.has(expected.length);
}

/** The beginning of a content that has so many characters besides white space. */
function headOf(content: string, count: number): string {
  let left = count;
  let at = 0;
  for (; at < content.length && left > 0; at += 1)
    left -= bare(content.charAt(at).replace(/[\ud800-\udfff]/, 'x')).length;
  return content.slice(0, at);
}

describe('splitBlocks, whatever the text', () => {
  test('should lose nothing and repeat at most the overlap', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, custom, async (input, rule) => {
        const expected = bare(input.map((each) => each.text).join(' '));
        expect(covers(expected, await all(input, rule), overlapOf(rule))).toBe(true);
      }),
      runs,
    );
  });

  test('should give no segment more tokens than its limit, count them exactly, and number them without gaps', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, custom, async (input, rule) => {
        const segments = await all(input, rule);
        const max = rule.mode === 'custom' ? rule.rules.segmentation.max_tokens : 0;
        segments.forEach((segment, index) => {
          expect(segment.position).toBe(index + 1);
          expect(segment.tokens).toBe(exactTokens(segment.content));
          expect(segment.tokens).toBeLessThanOrEqual(max);
          expect(segment.content.trim()).not.toBe('');
          expect(segment.content.isWellFormed()).toBe(true);
          expect(segment.searchText.isWellFormed()).toBe(true);
        });
      }),
      runs,
    );
  });

  test('should give children that together are their parent', async () => {
    await fc.assert(
      fc.asyncProperty(blocks, hierarchical, async (input, rule) => {
        const segments = await all(input, rule);
        const max = rule.mode === 'hierarchical' ? rule.rules.subchunk_segmentation.max_tokens : 0;
        for (const { content, children } of segments) {
          expect(bare((children ?? []).map((child) => child.content).join(''))).toBe(bare(content));
          for (const child of children ?? []) expect(exactTokens(child.content)).toBeLessThanOrEqual(max);
        }
      }),
      runs,
    );
  });

  test('should not depend on how a run of text was cut into continued blocks, nor on the run of the program', async () => {
    const long = fc.array(prose, { minLength: 1, maxLength: 60 }).map((list) => list.join(' ').repeat(4));
    const sizes = fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(long, sizes, custom, async (run, cuts, rule) => {
        const whole = await all([{ kind: 'text', text: run }], rule);
        expect(await all(continued(run, cuts), rule)).toEqual(whole);
        expect(await all(continued(run, [65_536]), rule)).toEqual(whole);
      }),
      { ...runs, numRuns: 30 },
    );
  });
});

function* continued(run: string, cuts: readonly number[]): Generator<Block> {
  let at = 0;
  for (let index = 0; at < run.length; index += 1) {
    const size = cuts[index % cuts.length] ?? 1;
    yield { kind: 'text', text: run.slice(at, at + size), continued: at > 0 };
    at += size;
  }
}

async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of source) list.push(each);
  return list;
}
