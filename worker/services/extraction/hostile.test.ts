import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { extractAll } from './testing/extract-all.ts';
import { makeDocx, makeEpub } from './testing/make-office.ts';
import { assemblePdf, makeLockedPdf, makePdf, makeScan } from './testing/make-pdf.ts';

async function codeOf(bytes: Uint8Array | string, name?: string): Promise<string> {
  try {
    await extractAll(bytes, name);
    return 'none';
  } catch (error) {
    expect(error).toMatchObject({ name: 'PermanentError', message: expect.stringMatching(/^[A-Z].*\.$/s) });
    return error instanceof Error && 'code' in error ? String(error.code) : 'none';
  }
}

const root =
  '<Relationships><Relationship Id="r" Type="http://x/officeDocument" Target="word/document.xml"/></Relationships>';
function docxOf(document: Uint8Array): Buffer {
  return Buffer.from(
    zipSync(
      { '[Content_Types].xml': strToU8('<Types/>'), '_rels/.rels': strToU8(root), 'word/document.xml': document },
      { level: 9 },
    ),
  );
}

describe('a document without text', () => {
  it.each([
    ['no bytes', ''],
    ['white space', ' \n\t\n'],
    ['a byte order mark', '\ufeff'],
    ['tags only', '<html><body><script>x</script></body></html>'],
  ])('should be told as empty: %s', async (_what, text) => {
    expect(await codeOf(text)).toBe('document_empty');
  });

  it('should be told as empty: a DOCX, a PDF with a blank page', async () => {
    expect(await codeOf(docxOf(strToU8('<w:document><w:body><w:p/></w:body></w:document>')))).toBe('document_empty');
    expect(await codeOf(await makePdf(['']))).toBe('document_empty');
  });

  it('should be told as scanned when its pages are pictures', async () => {
    expect(await codeOf(await makeScan(3))).toBe('document_scanned');
  });
});

describe('a document that is locked', () => {
  it('should be told as encrypted: PDF', async () => {
    expect(await codeOf(makeLockedPdf())).toBe('document_encrypted');
  });

  it.each([0, 200_000])('should be told as encrypted: office, its directory %i bytes into the file', async (before) => {
    const header = Buffer.from('d0cf11e0a1b11ae1', 'hex');
    const file = Buffer.concat([
      header,
      Buffer.alloc(512 + before),
      Buffer.from('EncryptedPackage', 'utf16le'),
      Buffer.alloc(512),
    ]);
    expect(await codeOf(file, 'x.docx')).toBe('document_encrypted');
  });

  it('should be told as encrypted: a zip with the flag set', async () => {
    const file = docxOf(strToU8('<w:document/>'));
    for (let at = file.indexOf('PK\x01\x02'); at >= 0; at = file.indexOf('PK\x01\x02', at + 1))
      file.writeUInt16LE(1, at + 8);
    expect(await codeOf(file)).toBe('document_encrypted');
  });

  it('should be told as encrypted: a book whose chapters are, but not one whose fonts are', async () => {
    const encryption = (algorithm: string, uri: string) =>
      `<encryption><EncryptedData><EncryptionMethod Algorithm="${algorithm}"/><CipherData><CipherReference URI="${uri}"/></CipherData></EncryptedData></encryption>`;
    expect(
      await codeOf(
        makeEpub({
          'META-INF/encryption.xml': encryption('http://www.w3.org/2001/04/xmlenc#aes128-cbc', 'OEBPS/text/one.xhtml'),
        }),
      ),
    ).toBe('document_encrypted');
    expect(
      await codeOf(
        makeEpub({ 'META-INF/encryption.xml': encryption('http://www.idpf.org/2008/embedding', 'OEBPS/font.otf') }),
      ),
    ).toBe('none');
  });
});

describe('a document that was cut off', () => {
  it.each([0.3, 0.6, 0.95])('should be told as truncated: a PDF at %f', async (share) => {
    const file = await makePdf(Array.from({ length: 20 }, (_, at) => `Page ${at} of words`));
    expect(await codeOf(file.subarray(0, file.byteLength * share))).toBe('document_truncated');
  });

  it('should be told as truncated: a PDF whose later revision is cut off', async () => {
    const file = await makePdf(['First']);
    expect(await codeOf(Buffer.concat([file, Buffer.from('9 0 obj\n<< /Type /Page >>\nendobj\n10 0 obj\n<<')]))).toBe(
      'document_truncated',
    );
  });

  it.each([0.2, 0.5, 0.99])('should be told as truncated: a DOCX at %f', async (share) => {
    const file = await makeDocx();
    expect(await codeOf(file.subarray(0, file.byteLength * share))).toBe('document_truncated');
  });

  it('should be told as malformed when a part is damaged', async () => {
    const file = await makeDocx();
    const damaged = Buffer.from(file);
    damaged.fill(0xff, 200, 260);
    expect(['document_malformed', 'document_truncated']).toContain(await codeOf(damaged));
  });

  it('should be told as malformed: a PDF with no pages to find', async () => {
    expect(await codeOf(assemblePdf(['<< /Type /Nothing >>'], ''))).toMatch(/document_(?:malformed|empty)/);
  });
});

describe('a document in no known format', () => {
  it.each([
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex'), 'PNG'],
    [
      'random bytes',
      Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919 + (at >> 3) * 104729) & 255)),
      'no text',
    ],
    ['an archive', Buffer.from(zipSync({ 'a.txt': strToU8('x') })), 'ZIP'],
    ['an old office file', Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(2000)]), 'before 2007'],
    ['a program', Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01'), Buffer.alloc(4000, 3)]), 'ELF'],
  ])('should be told by what it is: %s', async (_what, bytes, said) => {
    await expect(extractAll(bytes, 'report.txt')).rejects.toMatchObject({
      code: 'document_unsupported',
      message: expect.stringContaining(said),
    });
  });
});

describe('a document made to exhaust', () => {
  it('should be refused before it is unpacked: a part that packs a thousandfold', async () => {
    expect(await codeOf(docxOf(new Uint8Array(64 * 1024 * 1024)))).toBe('document_too_large');
  });

  it('should be refused also when it lies about its size', async () => {
    const file = docxOf(new Uint8Array(64 * 1024 * 1024));
    for (let at = file.indexOf('PK\x01\x02'); at >= 0; at = file.indexOf('PK\x01\x02', at + 1)) {
      if (file.readUInt32LE(at + 24) > 1e6) file.writeUInt32LE(1000, at + 24);
    }
    expect(await codeOf(file)).toBe('document_too_large');
  });

  it('should be harmless: 20 MB of <', async () => {
    expect(await codeOf(`<html><body>${'<'.repeat(20_000_000)}`)).toBe('none');
  });

  it.each([100_000, 5_000_000])('should be told as malformed: %i tags in one another', async (tags) => {
    expect(await codeOf(`<html><body>${'<div>'.repeat(tags)}x`)).toBe('document_malformed');
    expect(await codeOf(`<?xml version="1.0"?>${'<a>'.repeat(tags)}x`)).toBe('document_malformed');
  });

  it.each([
    [
      'a billion laughs',
      Array.from({ length: 10 }, (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`).join(''),
    ],
    ['one entity', '<!ENTITY l10 "lol">'],
    ['a file', '<!ENTITY l10 SYSTEM "file:///etc/passwd">'],
    ['a parameter entity behind an element', '<!ELEMENT r ANY>\n<!ENTITY % l10 "lol">'],
  ])('should be told as malformed: an XML that declares %s', async (_what, declarations) => {
    const source = `<?xml version="1.0"?><!DOCTYPE r [${declarations}]><r>ha &l10;</r>`;
    expect(await codeOf(source)).toBe('document_malformed');
    await expect(extractAll(source)).rejects.toThrow(/declares entities/);
  });

  it('should be harmless: entities in an office file', async () => {
    const document =
      '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><w:document><w:body><w:p><w:r><w:t>ha &b;</w:t></w:r></w:p></w:body></w:document>';
    const { blocks } = await extractAll(docxOf(strToU8(document)));
    expect(blocks).toEqual([{ kind: 'text', text: 'ha &b;' }]);
  });
});
