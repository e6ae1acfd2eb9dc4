import type { Block, DocumentMetadata } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { emptyDocument, encryptedDocument, malformedDocument, scannedDocument, truncatedDocument } from './faults.ts';
import { pdfDate, textOfPage } from './pdf-text.ts';
import { type PdfFile, Pdfium } from './pdfium.ts';
import { readWhole } from './source.ts';
import { cutBlock } from './text.ts';

/** Page by page, each page's text in PDFium's reading order. */
export const pdf: Extractor = {
  format: 'pdf',
  async extract(source, context) {
    const bytes = await readWhole(source.bytes, context.limits.fileBytes, 'The PDF');
    if (isCutShort(bytes)) throw truncatedDocument('The PDF');
    const pdfium = await Pdfium.shared(context.cache);
    const file = open(pdfium, bytes);
    return { metadata: metadataOf(file), blocks: pages(file) };
  },
};

function open(pdfium: Pdfium, bytes: Uint8Array): PdfFile {
  const opened = pdfium.open(bytes);
  if (typeof opened !== 'string') return opened;
  if (opened === 'password') throw encryptedDocument('The PDF');
  throw malformedDocument('pdf', 'its table of objects or its pages are damaged');
}

async function* pages(file: PdfFile): AsyncGenerator<Block> {
  try {
    let chars = 0;
    let images = 0;
    for (let at = 0; at < file.pages; at += 1) {
      const page = file.page(at);
      const text = textOfPage(page.text);
      if (text !== '') {
        chars += text.length;
        yield* cutBlock({ kind: 'text', text, page: at + 1 });
      } else if (page.drawn) images += 1;
    }
    if (chars === 0) throw images > 0 ? scannedDocument(file.pages) : emptyDocument();
  } finally {
    file.close();
  }
}

function metadataOf(file: PdfFile): DocumentMetadata {
  const title = file.meta('Title');
  const author = file.meta('Author');
  const createdAt = pdfDate(file.meta('CreationDate'));
  const modifiedAt = pdfDate(file.meta('ModDate'));
  return {
    format: 'pdf',
    pages: file.pages,
    ...(title === '' ? {} : { title }),
    ...(author === '' ? {} : { author }),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  };
}

/**
 * True when the end of the file is missing. PDFium rebuilds what it can of such a file and would silently lose pages.
 * A linearized file says how long it is; any other has its end mark after its last object.
 */
function isCutShort(bytes: Buffer): boolean {
  const length = /\/Linearized[^>]{0,200}?\/L\s+(\d+)/.exec(bytes.toString('latin1', 0, 2048))?.[1];
  if (length !== undefined && Number(length) > bytes.byteLength) return true;
  const end = bytes.lastIndexOf('%%EOF');
  if (end < 0) return true;
  return /\d+\s+\d+\s+obj\b/.test(bytes.toString('latin1', end, Math.min(bytes.byteLength, end + 65_536)));
}
