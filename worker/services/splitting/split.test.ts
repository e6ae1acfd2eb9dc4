import { describe, expect, test } from 'vitest';
import type { Block, Segment } from '../document.ts';
import { processRuleSchema } from './process-rule.ts';
import { maxFullDocTokens, splitBlocks } from './split.ts';
import { TokenCounter } from './tokens.ts';

interface Custom {
  readonly separator?: string;
  readonly max_tokens?: number;
  readonly chunk_overlap?: number;
}

function split(blocks: Iterable<Block>, segmentation: Custom, cleaning: readonly string[] = []): Promise<Segment[]> {
  const pre_processing_rules = cleaning.map((id) => ({ id, enabled: true }));
  const rule = processRuleSchema.parse({ mode: 'custom', rules: { pre_processing_rules, segmentation } });
  return collected(splitBlocks(blocks, rule));
}

const text = (value: string): Block => ({ kind: 'text', text: value });
const contents = (segments: readonly Segment[]) => segments.map((segment) => segment.content);

describe('splitBlocks', () => {
  test('should end a segment at every separator and give it the page and section of its first block', async () => {
    const segments = await split(
      [
        { kind: 'text', text: 'One.', page: 1, section: 'A' },
        { kind: 'text', text: 'Two.', page: 2 },
      ],
      {},
    );
    expect(contents(segments)).toEqual(['One.', 'Two.']);
    expect(segments[0]).toMatchObject({ position: 1, page: 1, section: 'A' });
    expect(segments[1]).toMatchObject({ position: 2, page: 2 });
    expect(segments[1]).not.toHaveProperty('section');
  });

  test('should remove a separator that is a mark and keep one that ends sentences', async () => {
    expect(contents(await split([text('a ### b###c')], { separator: '###' }))).toEqual(['a', 'b', 'c']);
    expect(contents(await split([text('水车。石磨。')], { separator: '。' }))).toEqual(['水车。', '石磨。']);
  });

  test('should fill segments up in automatic mode', async () => {
    const paragraphs = Array.from({ length: 60 }, (_, index) => text(`Paragraph ${index} is about water and stone.`));
    const segments = await collected(splitBlocks(paragraphs, { mode: 'automatic' }));
    expect(segments.length).toBeLessThan(4);
    expect(segments[0]?.tokens).toBeGreaterThan(400);
    expect(segments[1]?.content.startsWith('Paragraph')).toBe(true);
  });

  test('should cut English at sentences, not at abbreviations', async () => {
    const sentence = 'Dr. Smith, e.g. in vol. 3, says that J. S. Mill owned a mill of 3.5 acres.';
    const segments = await split([text(Array(12).fill(sentence).join(' '))], { max_tokens: 80, chunk_overlap: 35 });
    expect(segments.length).toBeGreaterThan(3);
    for (const { content } of segments) {
      expect(content.endsWith('acres.')).toBe(true);
      expect(content.startsWith('Dr. Smith')).toBe(true);
    }
  });

  test('should cut Chinese and Japanese at their sentence ends, closing brackets included', async () => {
    const chinese = await split([text('他说：“水车转得很快，磨坊里满是面粉。”大家都笑了！'.repeat(12))], {
      max_tokens: 100,
    });
    for (const { content } of chinese) expect(content).toMatch(/(。”|！)$/);
    const japanese = await split([text('水車は川の流れで回ります。「とても速い！」と彼は言いました。'.repeat(12))], {
      max_tokens: 100,
    });
    for (const { content } of japanese) expect(content).toMatch(/(。|！」)$/);
  });

  test('should cut between words where there are no sentences, in scripts without spaces too', async () => {
    const thai = await split([text('สวัสดีครับ'.repeat(40))], { max_tokens: 60 });
    expect(thai.length).toBeGreaterThan(1);
    for (const { content } of thai) expect(content).toMatch(/^(สวัสดี|ครับ).*(สวัสดี|ครับ)$/u);
    const english = await split([text('water '.repeat(300))], { max_tokens: 60 });
    for (const { content } of english) expect(content).toMatch(/^water( water)*$/);
  });

  test('should never cut a character as people see it', async () => {
    const family = '👨‍👩‍👧‍👦';
    for (const { content } of await split([text(family.repeat(60))], { max_tokens: 50 })) {
      expect(content.replaceAll(family, '')).toBe('');
    }
  });

  test('should keep a heading with the text that follows it', async () => {
    const heading = (value: string): Block => ({ kind: 'heading', level: 1, text: value });
    const input = [text('Before.'), heading('Chapter'), heading('Section'), text('After.')];
    expect(contents(await split(input, {}))).toEqual(['Before.', 'Chapter\n\nSection\n\nAfter.']);
    const filled = [text('word '.repeat(45)), heading('Water wheels'), text('They turn. '.repeat(12))];
    const packed = contents(await split(filled, { separator: '', max_tokens: 52 }));
    expect(packed[1]).toMatch(/^Water wheels\n\nThey turn\./);
  });

  test('should not tear rows, but one that is over the limit by itself', async () => {
    const row = (index: number): Block => ({
      kind: 'row',
      text: `name: wheel ${index}; diameter: ${index * 3}. Stone; made in Bern`,
    });
    const rows = Array.from({ length: 30 }, (_, index) => row(index));
    for (const { content } of await split(rows, { max_tokens: 70, chunk_overlap: 30 })) {
      for (const line of content.split('\n')) expect(line).toMatch(/^name: .* Bern$/);
    }
    const big: Block = { kind: 'row', text: 'value, '.repeat(200) };
    const torn = await split([row(1), big, row(2)], { max_tokens: 70 });
    expect(torn[0]?.content).toBe(row(1).text);
    expect(torn.at(-1)?.content.endsWith(row(2).text)).toBe(true);
  });

  test('should cut code at line ends and keep its indentation', async () => {
    const code = Array.from({ length: 40 }, (_, index) => `    call(${index}, "a. b. c");`).join('\n');
    const segments = await split([{ kind: 'code', text: code }], { max_tokens: 64 }, ['remove_extra_spaces']);
    expect(contents(segments).join('\n')).toBe(code);
  });

  test('should cut a run without any break exactly at the limit, in time that grows with its length only', async () => {
    const segments = await split([text('a'.repeat(60_000))], { max_tokens: 500 });
    expect(contents(segments).join('')).toBe('a'.repeat(60_000));
    for (const segment of segments.slice(0, -1)) expect(segment.tokens).toBeGreaterThan(495);
  });

  test('should repeat as much as asked for, also of a run without any break', async () => {
    let state = 7;
    const letter = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return String.fromCharCode(97 + ((state >>> 16) % 26));
    };
    const run = Array.from({ length: 4_000 }, letter).join('');
    const counter = new TokenCounter();
    const segments = contents(await split([text(run)], { max_tokens: 200, chunk_overlap: 40 }));
    segments.slice(1).forEach((content, index) => {
      const before = segments[index] ?? '';
      let shared = before.length;
      while (!content.startsWith(before.slice(before.length - shared))) shared -= 1;
      const tokens = counter.count(content.slice(0, shared));
      expect(tokens).toBeLessThanOrEqual(40);
      expect(tokens).toBeGreaterThan(30);
    });
  });

  test('should give children with positions of their own, and parents of bounded length in full-doc mode', async () => {
    const rule = processRuleSchema.parse({
      mode: 'hierarchical',
      rules: { parent_mode: 'full-doc', subchunk_segmentation: { max_tokens: 60 } },
    });
    const input = Array.from({ length: 1_300 }, (_, index) => text(`Line ${index} tells of the mill. It turns.`));
    const parents = await collected(splitBlocks(input, rule));
    expect(parents.length).toBe(2);
    for (const parent of parents) {
      expect(parent.tokens).toBeLessThanOrEqual(maxFullDocTokens);
      expect(parent.children?.map((child) => child.position)).toEqual(parent.children?.map((_, index) => index + 1));
    }
    expect(parents[0]?.children?.[1]?.content).toBe('Line 1 tells of the mill. It turns.');
  });

  test('should give nothing for a document of nothing but white space', async () => {
    expect(await split([], {})).toEqual([]);
    expect(await split([text(' \n\n '), { kind: 'heading', text: '\t' }], {})).toEqual([]);
  });

  test('should hold no more than a bounded part of an endless document', async () => {
    let read = 0;
    function* endless(): Generator<Block> {
      for (;;) {
        read += 65_536;
        yield { kind: 'text', text: 'xyz '.repeat(16_384), continued: read > 65_536 };
      }
    }
    let given = 0;
    for await (const { content } of splitBlocks(endless(), { mode: 'automatic' })) {
      given += content.length;
      expect(read - given).toBeLessThan(300_000);
      if (given > 2_000_000) break;
    }
  });
});

async function collected<T>(source: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of source) list.push(each);
  return list;
}
