import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxWindows, windowsOf, windowTokens, words } from './embedded-windows.ts';
import { unknownWords } from './unknown-words.ts';

const wordTokens = fc.array(fc.array(fc.nat(7_999), { minLength: 1, maxLength: 20 }), { maxLength: 150 });

describe('windows of the embedded model', () => {
  it('should hold every token in order, none longer than the model reads, as even as words allow', () => {
    fc.assert(
      fc.property(wordTokens, (tokens) => {
        const windows = windowsOf(tokens);
        const all = tokens.flat();
        const held = windows.flat();
        expect(held).toEqual(all.slice(0, held.length));
        if (all.length <= windowTokens * (maxWindows - 1) * 0.8) expect(held).toHaveLength(all.length);
        expect(windows.length).toBeGreaterThanOrEqual(1);
        expect(windows.length).toBeLessThanOrEqual(maxWindows);
        for (const window of windows) expect(window.length).toBeLessThanOrEqual(windowTokens);
      }),
    );
  });

  it('should leave a short text in one window', () => {
    expect(windowsOf([[1, 2], [3]])).toEqual([[1, 2, 3]]);
    expect(windowsOf([])).toEqual([[]]);
  });

  it('should cut endless words and read any white space as one', () => {
    const found = words(`one\t two\u0000three\u200b${'x'.repeat(250)}`);
    expect(found.map((word) => word.length)).toEqual([3, 3, 5, 100, 100, 50]);
  });
});

describe('words of other scripts', () => {
  const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
  const vector = (text: string) => unknownWords(text.split(' '), 512).vector;

  it('should leave Latin text alone, with a foreign name in it as well', () => {
    expect(unknownWords(['Der', 'Käse', 'naïve', '123', '!'], 512).share).toBe(0);
    expect(unknownWords('a report about 北京 and its many museums'.split(' '), 512).share).toBe(0);
  });

  it('should bring texts of common wording together, in any script', () => {
    expect(cosine(vector('возврат денег за товар'), vector('как оформить возврат денег'))).toBeGreaterThan(0.4);
    expect(cosine(vector('возврат денег за товар'), vector('сегодня хорошая погода'))).toBeLessThan(0.25);
  });

  it('should give the same numbers for ever: stored vectors are compared with new ones', () => {
    const slots = [...vector('退款').entries()].filter(([, value]) => value !== 0);
    expect(slots.map(([slot, value]) => [slot, value.toFixed(4)])).toMatchInlineSnapshot(`
      [
        [
          82,
          "0.2762",
        ],
        [
          176,
          "0.9206",
        ],
        [
          329,
          "-0.2762",
        ],
      ]
    `);
  });
});
