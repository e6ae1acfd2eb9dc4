import { describe, expect, it } from 'vitest';
import { maxBlockChars } from '../document.ts';
import { extractAll } from './testing/extract-all.ts';

const chinese = '潮汐是海水在天体引潮力作用下所产生的周期性运动。港口的工人知道什么时候水会回来。';
/** The same in GB18030, of which TextEncoder knows nothing. */
const gb18030 = Buffer.from(
  'b3b1cfabcac7baa3cbaed4dacceccce5d2fdb3b1c1a6d7f7d3c3cfc2cbf9b2fac9fab5c4d6dcc6dad0d4d4cbb6afa1a3b8dbbfdab5c4b9a4c8cbd6aab5c0cab2c3b4cab1baf2cbaebbe1bbd8c0b4a1a3',
  'hex',
);
const french = 'Les marées sont très régulières à Brest, où l’océan se retire deux fois par jour. ';

async function whole(bytes: Uint8Array, pieceBytes?: number) {
  const { metadata, blocks } = await extractAll(bytes, 'x.txt', pieceBytes);
  return { encoding: metadata.encoding, text: blocks.map((block) => block.text).join('') };
}

function swapped(bytes: Buffer): Buffer {
  return Buffer.from(bytes).swap16();
}

describe('encodings', () => {
  it.each([
    ['UTF-8', Buffer.from(chinese), 'utf-8'],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${chinese}`), 'utf-8'],
    ['UTF-16LE with a mark', Buffer.from(`\ufeff${chinese}`, 'utf16le'), 'utf-16le'],
    ['UTF-16BE with a mark', swapped(Buffer.from(`\ufeff${chinese}`, 'utf16le')), 'utf-16be'],
    ['GB18030', gb18030, 'gb18030'],
  ])('should read %s', async (_name, bytes, encoding) => {
    expect(await whole(bytes)).toEqual({ encoding, text: chinese });
    expect(await whole(bytes, 7)).toEqual({ encoding, text: chinese });
  });

  it.each([
    ['UTF-16LE', Buffer.from('The tide turns.\nTwice a day.', 'utf16le'), 'utf-16le'],
    ['UTF-16BE', swapped(Buffer.from('The tide turns.\nTwice a day.', 'utf16le')), 'utf-16be'],
  ])('should know %s without a mark by its NULs', async (_name, bytes, encoding) => {
    expect(await whole(bytes)).toEqual({ encoding, text: 'The tide turns.\nTwice a day.' });
  });

  it('should read Latin-1 as windows-1252', async () => {
    const text = french.repeat(5).replaceAll('’', "'");
    expect(await whole(Buffer.from(text, 'latin1'))).toEqual({ encoding: 'windows-1252', text });
  });

  it('should take up UTF-8 that ends within a character at the end of what detection looked at', async () => {
    const text = `${'a'.repeat(64 * 1024 - 1)}é${chinese}`;
    expect((await whole(Buffer.from(text), 1000)).text).toBe(text);
  });

  it('should decide by the first bytes beyond ASCII, however late they come', async () => {
    const ascii = 'The tide turns twice a day.\n'.repeat(6000);
    const { text } = await whole(Buffer.concat([Buffer.from(ascii), gb18030]), 10_000);
    expect(text.endsWith(chinese)).toBe(true);
    expect(text.length).toBe(ascii.length + chinese.length);
  });

  it('should believe what an HTML page declares when its bytes do not say', async () => {
    const page = Buffer.concat([
      Buffer.from('<html><head><meta charset="gb2312"></head><body><p>'),
      gb18030,
      Buffer.from('</p></body></html>'),
    ]);
    const { metadata, blocks } = await extractAll(page);
    expect(metadata.encoding).toMatch(/^gb/);
    expect(blocks).toEqual([{ kind: 'text', text: chinese }]);
  });

  it('should make all line ends \\n and drop control characters', async () => {
    expect((await whole(Buffer.from('a\r\nb\rc\u0085d\u0007e\tf'), 3)).text).toBe('a\nb\nc\nde\tf');
  });
});

describe('long text', () => {
  it('should be cut into blocks that join to the same text, none over the limit, no character in two', async () => {
    const text = '😀'.repeat(150_000) + 'word '.repeat(40_000) + 'a line\n'.repeat(30_000);
    const { blocks } = await extractAll(Buffer.from(text), 'x.txt');
    expect(blocks.map((block) => block.text).join('')).toBe(text);
    expect(Math.max(...blocks.map((block) => block.text.length))).toBeLessThanOrEqual(maxBlockChars);
    expect(blocks.every((block) => block.text.isWellFormed())).toBe(true);
    expect(blocks.map((block) => block.continued === true)).toEqual(blocks.map((_, at) => at > 0));
  });

  it.each(['x.md', 'x.csv', 'x.html', 'x.xml'])('should stay within the limit in %s too', async (name) => {
    const long = 'x'.repeat(400_000);
    const starts: Record<string, string> = {
      'x.md': '# T\n\n```\n',
      'x.csv': 'a,b\n1,',
      'x.html': '<html><body><p>',
      'x.xml': '<?xml version="1.0"?><r>',
    };
    const { blocks } = await extractAll(`${starts[name]}${long}`, name);
    expect(Math.max(...blocks.map((block) => block.text.length))).toBeLessThanOrEqual(maxBlockChars);
    expect(
      blocks
        .map((block) => block.text)
        .join('')
        .match(/x/g),
    ).toHaveLength(400_000);
  });
});
