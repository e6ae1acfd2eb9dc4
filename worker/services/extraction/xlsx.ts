import type { Block } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { openOffice } from './ooxml.ts';
import { eachPiece, local, readXml } from './sax.ts';
import { SheetRows } from './sheet-rows.ts';
import { readFormats, readSharedStrings } from './workbook.ts';

/** One `row` block a row: "Header: value; Header: value"; a sheet's first row that is not empty is its header. */
export const xlsx: Extractor = {
  format: 'xlsx',
  async extract(source, context) {
    const { zip, main, relations, metadata } = await openOffice('xlsx', source, context);
    const sheets: { name: string; part: string }[] = [];
    let from1904 = false;
    await readXml(zip, main, {
      open(tag, attributes) {
        const name = local(tag);
        if (name === 'workbookPr') from1904 = /^(?:1|true)$/.test(attributes.date1904 ?? '');
        if (name !== 'sheet') return;
        const relation = relations.find(({ id }) => id === attributes['r:id']);
        if (relation?.type === 'worksheet') sheets.push({ name: attributes.name ?? '', part: relation.target });
      },
    });
    const part = (type: string) => relations.find((relation) => relation.type === type)?.target ?? '';
    const formats = await readFormats(zip, part('styles'));
    async function* blocks(): AsyncGenerator<Block> {
      const strings = await readSharedStrings(zip, part('sharedStrings'));
      for (const sheet of sheets) {
        const rows = new SheetRows(sheet.name, strings, formats, from1904);
        for await (const _piece of eachPiece(zip, sheet.part, rows)) yield* rows.taken();
        yield* rows.end();
      }
    }
    return { metadata: { ...metadata, pages: sheets.length }, blocks: blocks() };
  },
};
