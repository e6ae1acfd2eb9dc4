import { describe, expect, it } from 'vitest';
import { extractAll, textsOf } from './testing/extract-all.ts';
import { makeDocx, makeEpub, makePptx, makeXlsx } from './testing/make-office.ts';
import { makePdf } from './testing/make-pdf.ts';

describe('office files', () => {
  it('should read a DOCX: headings, lists, tables, notes, properties', async () => {
    const { metadata, blocks } = await extractAll(await makeDocx());
    expect(metadata).toMatchObject({
      format: 'docx',
      title: 'Tides',
      author: 'Ada Vell',
      createdAt: expect.stringMatching(/^\d{4}-/),
    });
    expect(blocks).toEqual([
      { kind: 'heading', level: 1, text: 'Tides of the north' },
      { kind: 'text', text: 'The sea rises.' },
      { kind: 'text', text: '- loose' },
      { kind: 'text', text: '1. first' },
      { kind: 'text', text: '2. second' },
      { kind: 'row', text: 'Port | Height' },
      { kind: 'row', text: 'Port: Brest; Height: 6.1 m' },
      { kind: 'row', text: 'Port: Hull; Height: 5.4 m' },
      { kind: 'heading', level: 2, text: 'Sources' },
      { kind: 'text', text: '潮位表\nnext line' },
      { kind: 'text', text: 'A note at the foot.' },
    ]);
  });

  it('should read a PPTX: slides as pages, titles, tables, notes', async () => {
    const { metadata, blocks } = await extractAll(await makePptx());
    expect(metadata).toMatchObject({ format: 'pptx', title: 'Tides', author: 'Ada Vell', pages: 2 });
    expect(blocks).toEqual([
      { kind: 'heading', level: 1, text: 'Why tides', page: 1 },
      { kind: 'text', text: 'The moon pulls', page: 1 },
      { kind: 'text', text: 'Notes: Speak slowly here', page: 1 },
      { kind: 'row', text: 'Port | Height', page: 2 },
      { kind: 'row', text: 'Brest | 6.1 m', page: 2 },
    ]);
  });

  it('should read an XLSX: each row with its headers, its sheet, dates and shares as they are shown', async () => {
    const { metadata, blocks } = await extractAll(await makeXlsx());
    expect(metadata).toMatchObject({ format: 'xlsx', author: 'Ada Vell', pages: 3 });
    expect(blocks).toEqual([
      {
        kind: 'row',
        section: 'Ports',
        text: 'Port: Brest; Measured: 2024-01-31; Share: 50%; Open: TRUE; Note: deep water',
      },
      {
        kind: 'row',
        section: 'Ports',
        text: 'Port: Hull; Measured: 2024-02-29 06:30:00; Share: 0.3; Open: FALSE; Note: HULL',
      },
      { kind: 'row', section: 'Ports', text: 'Note: far right' },
      { kind: 'row', section: 'Alone', text: 'only | one | row' },
    ]);
  });

  it('should read an EPUB in its reading order, with chapter titles as sections', async () => {
    const { metadata, blocks } = await extractAll(makeEpub());
    expect(metadata).toEqual({
      format: 'epub',
      title: 'The Tide Book',
      author: 'Ada Vell, Bo Lind',
      createdAt: '2024-03-01T00:00:00.000Z',
    });
    expect(blocks).toEqual([
      { kind: 'heading', level: 1, text: 'Ebb', section: 'Ebb' },
      { kind: 'text', text: 'The water leaves & the mud shines.', section: 'Ebb' },
      { kind: 'text', text: 'The water is back.', section: 'Flood' },
    ]);
  });

  it('should read a PDF page by page, with its information', async () => {
    const { metadata, blocks } = await extractAll(
      await makePdf(['The first page.\nIts second line.', 'The second page.']),
    );
    expect(metadata).toMatchObject({
      format: 'pdf',
      pages: 2,
      title: 'Tides',
      author: 'Ada Vell',
      createdAt: '2024-03-01T10:00:00.000Z',
    });
    expect(blocks).toEqual([
      { kind: 'text', text: 'The first page.\nIts second line.', page: 1 },
      { kind: 'text', text: 'The second page.', page: 2 },
    ]);
  });
});

describe('marked-up text', () => {
  it('should tell headings and code of Markdown apart and keep the rest as written', async () => {
    const source =
      '---\ntitle: "Tides"\nauthor: Ada\n---\n\nTitle\n=====\n\nSome *text*\n- a\n- b\n\n```sh\n# no heading\n```\n\n## Next ##\nmore\n';
    const { metadata, blocks } = await extractAll(source, 'a.md');
    expect(metadata).toMatchObject({ format: 'md', title: 'Tides', author: 'Ada', encoding: 'utf-8' });
    expect(blocks).toEqual([
      { kind: 'heading', level: 1, text: 'Title' },
      { kind: 'text', text: 'Some *text*\n- a\n- b' },
      { kind: 'code', text: '# no heading' },
      { kind: 'heading', level: 2, text: 'Next' },
      { kind: 'text', text: 'more' },
    ]);
  });

  it('should take imports, exports, tags and expressions out of MDX, and keep text and code', async () => {
    const source =
      'import { Card } from "./card"\nexport const meta = {\n  a: 1,\n}\n\n# Tides\n\nimport duties rise. <Card title="a > b" on={() => { go() }}>Inside **bold**</Card> {1 + 1} `<Kept/>`\n\n```jsx\n<Card/>\n```\n';
    expect(await textsOf(source, 'a.mdx')).toEqual([
      'Tides',
      'import duties rise. Inside **bold**  `<Kept/>`',
      '<Card/>',
    ]);
  });

  it('should take the main content of an HTML page and drop scripts and navigation', async () => {
    const paragraph = '<p>The tide turns twice a day, and with it the work in the harbour turns as well, slowly.</p>';
    const page = `<!doctype html><html><head><title>Tides</title><meta name="author" content="Ada &amp; Bo"><script>var a</script></head>
      <body><nav><a href="/">Home</a></nav><article><h1>Tides</h1>${paragraph.repeat(12)}<pre>x  =  1\n</pre>
      <table><tr><th>Port</th><th>Height</th></tr><tr><td>Brest</td><td>6&nbsp;m</td></tr></table></article><footer>Imprint</footer></body></html>`;
    const { metadata, blocks } = await extractAll(page, 'x.txt');
    expect(metadata).toMatchObject({ format: 'html', title: 'Tides', author: 'Ada & Bo' });
    const text = blocks.map((block) => block.text).join('\n');
    expect(text).not.toMatch(/Home|Imprint|var a/);
    expect(blocks[0]).toMatchObject({ kind: 'heading', text: 'Tides' });
    expect(blocks).toContainEqual({ kind: 'code', text: 'x  =  1' });
    expect(blocks).toContainEqual({ kind: 'row', text: 'Port: Brest; Height: 6 m' });
    expect(blocks.filter((block) => block.text.startsWith('The tide turns'))).toHaveLength(12);
  });

  it('should take the whole body of a page that is no article', async () => {
    expect(await textsOf('<html><body><ul><li>one<li>two<ul><li>deep</ul></ul><p>three<br>four</body></html>')).toEqual(
      ['- one', '- two', '  - deep', 'three\nfour'],
    );
  });

  it('should give the text of XML elements, and look no entity up', async () => {
    const source =
      '<?xml version="1.0"?><!DOCTYPE r [<!ELEMENT r ANY>]><r><a k="no">one &lt;&amp;&#x41;</a><b>two <i>three</i></b><![CDATA[four]]>&x;&f;</r>';
    const { metadata, blocks } = await extractAll(source);
    expect(metadata.format).toBe('xml');
    expect(blocks).toEqual([{ kind: 'text', text: 'one <&A\ntwo\nthree\nfour&x;&f;' }]);
  });
});

describe('text with a structure', () => {
  it('should give each CSV record with its headers', async () => {
    expect(await textsOf('Port;Height\n"Brest; west";6,1\nHull;"a ""b""\nc"\nShort\n', 'x.csv')).toEqual([
      'Port: Brest; west; Height: 6,1',
      'Port: Hull; Height: a "b"\nc',
      'Port: Short',
    ]);
  });

  it('should give the one row of a CSV file that has no more', async () => {
    expect(await textsOf('a,b,c\n', 'x.csv')).toEqual(['a | b | c']);
  });

  it('should give what was said in a VTT file, with who said it', async () => {
    const source =
      'WEBVTT - talk\n\nNOTE nothing\n\nSTYLE\n::cue { color: red }\n\n1\n00:00:01.000 --> 00:00:02.000 align:start\n<v.loud Ann>Good <b>day</b>\n\n00:02.000 --> 00:03.000\n<v Ann>to you &amp; all.\n\n00:04.000 --> 00:05.000\n<v Bo>Hi.</v>\nYes.\n\n00:06.000 --> 00:07.000\n[music]\n';
    expect(await textsOf(source)).toEqual(['Ann: Good day to you & all.', 'Bo: Hi. Yes.', '[music]']);
  });

  it('should read escapes and joined lines of properties', async () => {
    const source = '# note\n! note\nport.name = Br\\u00e9st\nheight:6\\\n   .1 m\nkey\\ with\\:odd = a\\tb\nempty=\n';
    expect(await textsOf(source, 'x.properties')).toEqual([
      'port.name: Brést',
      'height: 6.1 m',
      'key with:odd: a\tb',
      'empty',
    ]);
  });

  it('should read an e-mail: headers, body, names of attachments', async () => {
    const source = [
      'Received: from a by b',
      'From: =?utf-8?B?QWRh?= Vell <ada@example.org>',
      'To: Bo <bo@example.org>, c@example.org',
      'Subject: =?iso-8859-1?Q?Mar=E9e?=',
      'Date: Fri, 1 Mar 2024 10:00:00 +0000',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=x',
      '',
      '--x',
      'Content-Type: text/html; charset=utf-8',
      '',
      '<p>The water <b>rises</b>.</p><script>no</script>',
      '--x',
      'Content-Type: application/pdf; name="table.pdf"',
      'Content-Disposition: attachment; filename="table.pdf"',
      'Content-Transfer-Encoding: base64',
      '',
      'JVBERg==',
      '--x--',
      '',
    ].join('\r\n');
    const { metadata, blocks } = await extractAll(source, 'x.bin');
    expect(metadata).toEqual({
      format: 'eml',
      title: 'Marée',
      author: 'Ada Vell <ada@example.org>',
      createdAt: '2024-03-01T10:00:00.000Z',
    });
    expect(blocks.map((block) => block.text)).toEqual([
      'Marée',
      'From: Ada Vell <ada@example.org>\nTo: Bo <bo@example.org>, c@example.org\nDate: 2024-03-01T10:00:00.000Z',
      'The water rises.',
      'Attachments: table.pdf',
    ]);
  });
});
