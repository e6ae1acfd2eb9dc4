import { describe, expect, it } from 'vitest';
import { extractAll } from './testing/extract-all.ts';
import { makeDocx, makeEpub, makePptx, makeXlsx } from './testing/make-office.ts';
import { makePdf } from './testing/make-pdf.ts';

async function formatOf(bytes: Uint8Array | string, name: string) {
  return (await extractAll(bytes, name)).metadata.format;
}

const prose =
  'When the tide is out, the boats lie on the mud. The men mend nets, talk, and wait.\nIt comes back, as it always does.\n';
const markdown = '# Tides\n\nSee [the table](https://example.org/t).\n\n- high\n- low\n';
const mail = 'From: a@example.org\nTo: b@example.org\nSubject: Tide\n\nIt is **high**.\n';
const table = 'port,height,day\nBrest,6.1,Monday\nHull,5.4,Tuesday\nCork,3.9,Friday\n';

describe('detection', () => {
  it('should go by content when the name lies', async () => {
    expect(await formatOf(await makePdf(['x']), 'notes.txt')).toBe('pdf');
    expect(await formatOf(await makeDocx(), 'sheet.xlsx')).toBe('docx');
    expect(await formatOf(await makeXlsx(), 'book.epub')).toBe('xlsx');
    expect(await formatOf(await makePptx(), 'a.zip')).toBe('pptx');
    expect(await formatOf(makeEpub(), 'a.pdf')).toBe('epub');
    expect(await formatOf('<!DOCTYPE html><p>x</p>', 'a.md')).toBe('html');
    expect(await formatOf('<?xml version="1.0"?><a>x</a>', 'a.html')).toBe('xml');
    expect(await formatOf('WEBVTT\n\n00:01.000 --> 00:02.000\nx\n', 'a.txt')).toBe('vtt');
    expect(await formatOf(mail, 'a.md')).toBe('eml');
    expect(await formatOf(table, 'a.txt')).toBe('csv');
    expect(await formatOf(markdown, 'a.txt')).toBe('md');
    expect(await formatOf(`import A from './a'\n\n${markdown}\n<A b="c" />\n`, 'a.txt')).toBe('mdx');
    expect(await formatOf('tide.high=6.1\ntide.low=1.2\ntide.unit=m\n', 'a.txt')).toBe('properties');
  });

  it.each(['a.txt', 'a.csv', 'a.html', 'a.xml', 'a.pdf', 'a.docx', 'a.properties', 'a', 'a.vtt', 'a.eml'])(
    'should take prose for text in %s',
    async (name) => {
      expect(await formatOf(prose, name)).toBe('txt');
    },
  );

  it('should let the name choose where the content fits two text formats', async () => {
    expect(await formatOf(prose, 'a.md')).toBe('md');
    expect(await formatOf('name: x\nport: y\n', 'a.properties')).toBe('properties');
    expect(await formatOf('name: x\nport: y\n', 'a.txt')).toBe('txt');
    expect(await formatOf('a,b\n1,2\n', 'a.csv')).toBe('csv');
    expect(await formatOf('<div>one</div>\n<div>two</div>', 'a.html')).toBe('html');
    expect(await formatOf(`# T\n\n<Note>hello</Note>\n`, 'a.mdx')).toBe('mdx');
  });

  it('should know an e-mail with an mbox line, XHTML, tab-separated values', async () => {
    expect(await formatOf(`From a@example.org Fri Mar  1 10:00:00 2024\n${mail}`, 'x')).toBe('eml');
    expect(
      await formatOf('<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body>x</body></html>', 'x'),
    ).toBe('html');
    expect(await formatOf(table.replaceAll(',', '\t'), 'x')).toBe('csv');
  });

  it('should not take a text that quotes a format for that format', async () => {
    expect(await formatOf('A PDF starts with %PDF-1.4 and ends with its mark.', 'a.txt')).toBe('txt');
    expect(await formatOf('The word WEBVTT stands first in such a file.', 'a.txt')).toBe('txt');
    expect(await formatOf('Dear all,\nsubject: this is no mail.\n\nBye', 'a.txt')).toBe('txt');
  });
});
