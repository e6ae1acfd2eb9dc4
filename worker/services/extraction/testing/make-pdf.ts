import { PDFDocument, StandardFonts } from 'pdf-lib';

/** A PDF of as many pages as texts are given. */
export async function makePdf(pages: readonly string[]): Promise<Buffer> {
  const file = await PDFDocument.create();
  file.setTitle('Tides');
  file.setAuthor('Ada Vell');
  file.setCreationDate(new Date('2024-03-01T10:00:00Z'));
  const font = await file.embedFont(StandardFonts.Helvetica);
  for (const text of pages) {
    const page = file.addPage([595, 842]);
    for (const [line, words] of text.split('\n').entries())
      page.drawText(words, { x: 50, y: 780 - line * 14, size: 11, font });
  }
  return Buffer.from(await file.save());
}

/** A white picture of one pixel. */
const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==',
  'base64',
);

/** A PDF whose pages are pictures. */
export async function makeScan(pages: number): Promise<Buffer> {
  const file = await PDFDocument.create();
  const image = await file.embedPng(pixel);
  for (let at = 0; at < pages; at += 1) file.addPage().drawImage(image, { x: 0, y: 0, width: 500, height: 700 });
  return Buffer.from(await file.save());
}

/** A PDF made by hand from its objects, with a right table of offsets. `trailer` stands in the trailer. */
export function assemblePdf(objects: readonly string[], trailer: string): Buffer {
  let text = '%PDF-1.4\n';
  const offsets = objects.map((object, at) => {
    const offset = text.length;
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const table = text.length;
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  for (const offset of offsets) text += `${String(offset).padStart(10, '0')} 00000 n \n`;
  text += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${table}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

/** A PDF that opens with no password but one nobody knows. */
export function makeLockedPdf(): Buffer {
  const key = 'ab'.repeat(32);
  return assemblePdf(
    [
      '<< /Type /Catalog /Pages 2 0 R >>',
      '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>',
      `<< /Filter /Standard /V 1 /R 2 /Length 40 /P -44 /O <${key}> /U <${'cd'.repeat(32)}> >>`,
    ],
    `/Encrypt 4 0 R /ID [<${key.slice(0, 32)}> <${key.slice(0, 32)}>]`,
  );
}
