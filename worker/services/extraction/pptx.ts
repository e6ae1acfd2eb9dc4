import type { Block } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { openOffice, relationsOf } from './ooxml.ts';
import { eachPiece, local, readXml } from './sax.ts';
import { SlideText } from './slide-text.ts';
import type { ZipFile } from './zip.ts';

/** Slides as pages: titles, text, tables, diagrams, then the speaker's notes. */
export const pptx: Extractor = {
  format: 'pptx',
  async extract(source, context) {
    const { zip, main, relations, metadata } = await openOffice('pptx', source, context);
    const order: string[] = [];
    await readXml(zip, main, {
      open(tag, attributes) {
        if (local(tag) === 'sldId') order.push(attributes['r:id'] ?? '');
      },
    });
    const slides = order.flatMap((id) => relations.find((relation) => relation.id === id)?.target ?? []);
    async function* blocks(): AsyncGenerator<Block> {
      for (const [at, slide] of slides.entries()) yield* slideBlocks(zip, slide, at + 1);
    }
    return { metadata: { ...metadata, pages: slides.length }, blocks: blocks() };
  },
};

async function* slideBlocks(zip: ZipFile, slide: string, page: number): AsyncGenerator<Block> {
  yield* partBlocks(zip, slide, new SlideText(page, false));
  for (const { type, target } of await relationsOf(zip, slide)) {
    if (type === 'diagramData') yield* partBlocks(zip, target, new SlideText(page, false));
    if (type === 'notesSlide') yield* partBlocks(zip, target, new SlideText(page, true));
  }
}

async function* partBlocks(zip: ZipFile, part: string, text: SlideText): AsyncGenerator<Block> {
  for await (const _piece of eachPiece(zip, part, text)) yield* text.taken();
  yield* text.taken();
}
