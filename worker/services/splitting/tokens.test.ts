import fc from 'fast-check';
import { countTokens } from 'gpt-tokenizer/esm/encoding/cl100k_base';
import { describe, expect, test } from 'vitest';
import { TokenCounter } from './tokens.ts';

const seed = Number(process.env.MILLRACE_TEST_SEED ?? 20_261_121);
console.info(`tokens.test seed ${seed} (MILLRACE_TEST_SEED changes it)`);

const counter = new TokenCounter();
const exactly = (text: string) => countTokens(text, { disallowedSpecial: new Set() });

describe('TokenCounter', () => {
  test('should count as cl100k_base does, whatever the text', () => {
    const bits = fc.constantFrom(
      "'s",
      "'LL",
      "'",
      ' ',
      '  ',
      '\n',
      '\r\n',
      '\t',
      '中文',
      '。',
      'é',
      '👨‍👩‍👧',
      '\u3000',
      '𠮷',
      '½',
      '<|endoftext|>',
      '1234',
      'word',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(bits, { maxLength: 60 }).map((list) => list.join('')),
    );
    fc.assert(
      fc.property(text, (value) => {
        expect(counter.count(value)).toBe(exactly(value));
      }),
      { seed, numRuns: 2_000 },
    );
  });

  test('should merge long unbroken runs as short ones are merged', () => {
    for (const run of ['a'.repeat(3_000), 'acgtacct'.repeat(300), '中文学习'.repeat(200), '='.repeat(1_000)]) {
      expect(counter.count(run)).toBe(exactly(run));
    }
  });

  test('should find how far a limit reaches in a run', () => {
    const run = 'a'.repeat(3_000);
    const { end } = counter.reach(run, 0, run.length, 100);
    expect(counter.count(run, 0, end)).toBe(100);
    expect(counter.reach(run, 0, run.length, 375)).toEqual({ end: 3_000, tokens: 375 });
  });
});
