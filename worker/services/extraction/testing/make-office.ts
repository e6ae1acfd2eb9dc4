import {
  Document,
  FootnoteReferenceRun,
  HeadingLevel,
  LevelFormat,
  Packer,
  Paragraph,
  Table,
  TableCell,
  TableRow,
  TextRun,
} from 'docx';
import ExcelJS from 'exceljs';
import { strToU8, zipSync } from 'fflate';
import pptxgen from 'pptxgenjs';

const cell = (text: string) => new TableCell({ children: [new Paragraph(text)] });
const row = (cells: string[], tableHeader = false) => new TableRow({ tableHeader, children: cells.map(cell) });

export async function makeDocx(): Promise<Buffer> {
  const document = new Document({
    title: 'Tides',
    creator: 'Ada Vell',
    numbering: {
      config: [{ reference: 'steps', levels: [{ level: 0, format: LevelFormat.DECIMAL, text: '%1.' }] }],
    },
    footnotes: { 1: { children: [new Paragraph('A note at the foot.')] } },
    sections: [
      {
        children: [
          new Paragraph({ text: 'Tides of the north', heading: HeadingLevel.HEADING_1 }),
          new Paragraph({
            children: [
              new TextRun('The sea '),
              new TextRun({ text: 'rises', bold: true }),
              new TextRun('.'),
              new FootnoteReferenceRun(1),
            ],
          }),
          new Paragraph({ text: 'loose', bullet: { level: 0 } }),
          new Paragraph({ text: 'first', numbering: { reference: 'steps', level: 0 } }),
          new Paragraph({ text: 'second', numbering: { reference: 'steps', level: 0 } }),
          new Table({ rows: [row(['Port', 'Height'], true), row(['Brest', '6.1 m']), row(['Hull', '5.4 m'])] }),
          new Paragraph({ text: 'Sources', heading: HeadingLevel.HEADING_2 }),
          new Paragraph({ children: [new TextRun('潮位表'), new TextRun({ text: 'next line', break: 1 })] }),
        ],
      },
    ],
  });
  return await Packer.toBuffer(document);
}

export async function makePptx(): Promise<Buffer> {
  // The library's types describe its CommonJS build; its ES build is the class itself.
  const Deck = pptxgen as unknown as new () => import('pptxgenjs').default;
  const deck = new Deck();
  deck.title = 'Tides';
  deck.author = 'Ada Vell';
  deck.defineSlideMaster({
    title: 'PLAIN',
    objects: [{ placeholder: { options: { name: 'head', type: 'title', x: 1, y: 0.2, w: 6, h: 1 }, text: '' } }],
  });
  const first = deck.addSlide({ masterName: 'PLAIN' });
  first.addText('Why tides', { placeholder: 'head' });
  first.addText('The moon pulls', { x: 1, y: 2 });
  first.addNotes('Speak slowly here');
  const second = deck.addSlide();
  second.addTable([
    [{ text: 'Port' }, { text: 'Height' }],
    [{ text: 'Brest' }, { text: '6.1 m' }],
  ]);
  const bytes = await deck.write({ outputType: 'nodebuffer' });
  if (!Buffer.isBuffer(bytes)) throw new Error('the deck was to be written as a buffer');
  return bytes;
}

export async function makeXlsx(): Promise<Buffer> {
  const book = new ExcelJS.Workbook();
  book.creator = 'Ada Vell';
  book.title = 'Ports';
  const ports = book.addWorksheet('Ports');
  ports.addRow(['Port', 'Measured', 'Share', 'Open', 'Note']);
  ports.addRow([
    'Brest',
    new Date(Date.UTC(2024, 0, 31)),
    0.5,
    true,
    { richText: [{ text: 'deep ' }, { text: 'water', font: { bold: true } }] },
  ]);
  ports.getCell('C2').numFmt = '0.0%';
  ports.addRow([
    'Hull',
    new Date(Date.UTC(2024, 1, 29, 6, 30)),
    0.1 + 0.2,
    false,
    { formula: 'UPPER(A3)', result: 'HULL' },
  ]);
  ports.addRow([]);
  ports.getCell('E5').value = 'far right';
  book.addWorksheet('Alone').addRow(['only', 'one', 'row']);
  book.addWorksheet('Blank');
  return Buffer.from(await book.xlsx.writeBuffer());
}

export function makeEpub(extra: Record<string, string> = {}): Buffer {
  const page = (title: string, body: string) =>
    `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>${title}</title></head><body>${body}</body></html>`;
  const parts: Record<string, string> = {
    mimetype: 'application/epub+zip',
    'META-INF/container.xml':
      '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
    'OEBPS/book.opf': `<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>
      <dc:title>The Tide Book</dc:title><dc:creator>Ada Vell</dc:creator><dc:creator>Bo Lind</dc:creator><dc:date>2024-03-01</dc:date></metadata>
      <manifest><item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
      <item id="two" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/><item id="one" href="text/one.xhtml" media-type="application/xhtml+xml"/></manifest>
      <spine><itemref idref="one"/><itemref idref="two"/></spine></package>`,
    'OEBPS/nav.xhtml': page(
      'Contents',
      '<nav><ol><li><a href="text/one.xhtml#x">Ebb</a></li><li><a href="text/two%20b.xhtml">Flood</a></li></ol></nav>',
    ),
    'OEBPS/text/one.xhtml': page(
      'x',
      '<h1>Ebb</h1><p>The water leaves &amp; the mud shines.</p><script>bad()</script>',
    ),
    'OEBPS/text/two b.xhtml': page('y', '<p>The water is back.</p>'),
    ...extra,
  };
  return Buffer.from(zipSync(Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, strToU8(text)]))));
}
