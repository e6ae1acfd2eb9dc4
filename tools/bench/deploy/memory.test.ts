import { expect, it } from 'vitest';
import { bytesOf } from './memory.ts';

it.each([
  ['0B', 0],
  ['512kB', 512_000],
  [' 12.5MiB ', 12.5 * 2 ** 20],
  ['1.25GiB', 1.25 * 2 ** 30],
])('should read %s as docker stats tells it', (text, bytes) => {
  expect(bytesOf(text)).toBe(bytes);
});

it('should refuse what it cannot read, instead of counting it as nothing', () => {
  expect(() => bytesOf('--')).toThrow(/instead got "--"/);
});
