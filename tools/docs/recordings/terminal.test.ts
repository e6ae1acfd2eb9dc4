import { expect, it } from 'vitest';
import { Terminal } from './terminal.ts';

const shown = (text: string, columns = 20, before: readonly string[] = []) => {
  const terminal = new Terminal(columns, before);
  terminal.write(text);
  return terminal.lines;
};

it('should wrap at its width, unless it is told not to', () => {
  expect(shown('abcdefg\r\nhi', 3)).toEqual(['abc', 'def', 'g', 'hi']);
  expect(shown('\u001b[?7labcdefg\u001b[?7h\r\nhijk', 3)).toEqual(['abc', 'hij', 'k']);
});

it('should draw over what stands there, as bars do', () => {
  expect(shown('50 %\r\n10 %\r\n\u001b[2A\u001b[1G100 %\u001b[0K\r\n20 %\r\n')).toEqual(['100 %', '20 %', '']);
  expect(shown('abc\r\ndef\u001b[1A\u001b[0J')).toEqual(['abc']);
  expect(shown('abcdef\u001b[3D\u001b[K!')).toEqual(['abc!']);
});

it('should clear its screen below what stood there before', () => {
  expect(shown('one\r\ntwo\u001b[H\u001b[2Jthree', 20, ['$ watch'])).toEqual(['$ watch', 'three']);
});

it('should leave out colours', () => {
  expect(shown('\u001b[1;31mred\u001b[0m █')).toEqual(['red █']);
});
