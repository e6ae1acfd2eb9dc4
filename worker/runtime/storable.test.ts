import fc from 'fast-check';
import { expect, it } from 'vitest';
import { storableJson, storableText } from './storable.ts';

const lone = '\ud83c';

it('should replace what Postgres does not keep', () => {
  expect(storableText(`a\u0000b${lone}c🐟`)).toBe('a\ufffdb\ufffdc🐟');
  expect(JSON.parse(storableJson(JSON.stringify({ 'k\u0000': `${lone}!`, n: ['\u0000'] })))).toEqual({
    'k\ufffd': '\ufffd!',
    n: ['\ufffd'],
  });
});

it('should leave text alone that only looks like an escape', () => {
  const value = ['\\u0000', '\\\\u0000', '\\ud800', 'C:\\u0000\\new', '"\\u0000"', '\u001f\u00e9\ud83d\udc1f'];
  expect(JSON.parse(storableJson(JSON.stringify(value)))).toEqual(value);
});

it('should change nothing else, and give the same for text as within JSON', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, broken) => {
      const value = broken ? `${text}${lone}\u0000\\` : text;
      expect(JSON.parse(storableJson(JSON.stringify(value)))).toBe(storableText(value));
      expect(storableText(value).length).toBe(value.length);
    }),
  );
});
