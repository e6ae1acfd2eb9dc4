import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { extractAll } from './testing/extract-all.ts';
import { makeDocx, makeEpub, makePptx, makeXlsx } from './testing/make-office.ts';
import { makeZip, type ZipPart } from './testing/make-zip.ts';
import { ZipFile } from './zip.ts';

const mebibyte = 1024 * 1024;
const manyBytes = 512 * mebibyte;
/** What a part may unpack to before its packing tells, and the piece in which it does. */
const mostOfABomb = 24 * mebibyte + 64 * 1024;
const tooLarge = {
  code: 'document_too_large',
  message: expect.stringMatching(/^The file unpacks to far more .*\.$/),
  hint: expect.any(String),
};

/** Reads a part to its end. @returns the bytes that came, and what ended it. */
async function drain(zip: ZipFile, name: string): Promise<{ bytes: number; error: unknown }> {
  let bytes = 0;
  try {
    for await (const piece of zip.stream(name)) bytes += piece.byteLength;
  } catch (error) {
    return { bytes, error };
  }
  return { bytes, error: undefined };
}

describe('a zip part that lies about its size', () => {
  const bomb = { name: 'a', content: new Uint8Array(32 * mebibyte) };

  it.each([
    ['nothing', { declaredBytes: 0 }],
    ['a byte', { declaredBytes: 1 }],
    ['little', { declaredBytes: 1000 }],
    ['as much as is unpacked at once', { declaredBytes: 512 * 1024 }],
    ['a usual size', { declaredBytes: 2 * mebibyte }],
    ['little, in a zip64 field', { declaredBytes: 1000, wide: true }],
  ])('should be unpacked no further than a bomb takes to be told: it declares %s', async (_what, lie) => {
    const { bytes, error } = await drain(new ZipFile(makeZip([{ ...bomb, ...lie }]), manyBytes), 'a');
    expect(error).toMatchObject(tooLarge);
    expect(bytes).toBeLessThanOrEqual(mostOfABomb);
  });

  it('should be unpacked no further than all parts together may be', async () => {
    // packed so little that nothing else is wrong with it
    const parts: ZipPart[] = Array.from({ length: 8 }, (_, at) => ({
      name: String(at),
      content: randomBytes(mebibyte),
      declaredBytes: 10,
    }));
    const zip = new ZipFile(makeZip(parts), 3.5 * mebibyte);
    const drained = [];
    for (const { name } of parts.slice(0, 4)) drained.push(await drain(zip, name));
    expect(drained.map(({ error }) => error)).toEqual([
      undefined,
      undefined,
      undefined,
      expect.objectContaining(tooLarge),
    ]);
    expect(drained.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(3.5 * mebibyte);
  });

  it('should be read whole when it says too much', async () => {
    const zip = new ZipFile(makeZip([{ name: 'a', content: Buffer.from('short'), declaredBytes: 5000 }]), manyBytes);
    expect(String(await zip.read('a'))).toBe('short');
  });

  it('should be refused as a part that is small by nature, however well it is packed', async () => {
    const text = randomBytes(2 * mebibyte).toString('hex');
    for (const declaredBytes of [20, text.length]) {
      const zip = new ZipFile(makeZip([{ name: 'mimetype', content: Buffer.from(text), declaredBytes }]), manyBytes);
      const length = zip.read('mimetype').then((whole) => whole?.byteLength);
      await expect(length).rejects.toMatchObject(tooLarge);
    }
  });
});

describe('a document with a bomb behind a small declared size', () => {
  const spaces = ' '.repeat(28 * mebibyte);
  const makers = { docx: makeDocx, pptx: makePptx, xlsx: makeXlsx, epub: async () => makeEpub() };

  /** The document with blanks in one part, between its tags, of which it says nothing. */
  async function withBomb(format: keyof typeof makers, name: string): Promise<Buffer> {
    const zip = new ZipFile(await makers[format](), manyBytes);
    expect(zip.names).toContain(name);
    const parts: ZipPart[] = [];
    for (const part of zip.names.filter((each) => !each.endsWith('/'))) {
      const content = (await zip.read(part)) ?? Buffer.alloc(0);
      if (part !== name) parts.push({ name: part, content });
      else {
        const text = content.toString();
        const end = text.lastIndexOf('</');
        const filled = end < 0 ? `${text}${spaces}` : `${text.slice(0, end)}${spaces}${text.slice(end)}`;
        parts.push({ name: part, content: Buffer.from(filled), declaredBytes: content.byteLength });
      }
    }
    return makeZip(parts);
  }

  it.each([
    ['docx', 'word/document.xml'],
    ['docx', 'word/styles.xml'],
    ['docx', '_rels/.rels'],
    ['docx', 'docProps/core.xml'],
    ['pptx', 'ppt/slides/slide2.xml'],
    ['pptx', 'ppt/presentation.xml'],
    ['xlsx', 'xl/worksheets/sheet1.xml'],
    ['xlsx', 'xl/sharedStrings.xml'],
    ['xlsx', 'xl/workbook.xml'],
    ['epub', 'OEBPS/text/two b.xhtml'],
    ['epub', 'OEBPS/book.opf'],
    ['epub', 'META-INF/container.xml'],
    ['epub', 'mimetype'],
  ] as const)('should end as too large: %s, %s', async (format, part) => {
    const file = await withBomb(format, part);
    expect(file.byteLength).toBeLessThan(mebibyte);
    await expect(extractAll(file)).rejects.toMatchObject(tooLarge);
  });
});
