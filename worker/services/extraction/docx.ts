import type { Block } from '../document.ts';
import { DocxBody } from './docx-body.ts';
import { readNumbering, readStyles } from './docx-styles.ts';
import type { Extractor } from './extractor.ts';
import { openOffice } from './ooxml.ts';
import { eachPiece } from './sax.ts';

/** Paragraphs, headings, lists and tables in order; foot- and endnotes at the end. Deleted text is left out. */
export const docx: Extractor = {
  format: 'docx',
  async extract(source, context) {
    const { zip, main, relations, metadata } = await openOffice('docx', source, context);
    const part = (type: string) => relations.find((relation) => relation.type === type)?.target ?? '';
    const styles = await readStyles(zip, part('styles'));
    const numbering = await readNumbering(zip, part('numbering'));
    async function* blocks(): AsyncGenerator<Block> {
      for (const name of [main, part('footnotes'), part('endnotes')]) {
        const body = new DocxBody(styles, numbering);
        for await (const _piece of eachPiece(zip, name, body)) yield* body.taken();
      }
    }
    return { metadata, blocks: blocks() };
  },
};
