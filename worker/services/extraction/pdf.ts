import { crc32 } from 'node:zlib';
import type { Block, DocumentMetadata } from '../document.ts';
import type { ExtractContext, Extractor } from './extractor.ts';
import { emptyDocument, encryptedDocument, malformedDocument, scannedDocument, truncatedDocument } from './faults.ts';
import {
  type FilePrint,
  type PageContent,
  type PageRange,
  partOf,
  type RangePart,
  sharedPages,
} from './page-sharing.ts';
import { pdfDate, textOfPage } from './pdf-text.ts';
import { type PdfFile, Pdfium } from './pdfium.ts';
import { readWhole } from './source.ts';
import { cutBlock } from './text.ts';

/** Page by page, each page's text in PDFium's reading order. */
export const pdf: Extractor = {
  format: 'pdf',
  async extract(source, context) {
    const { file, bytes } = await openPdf(source.bytes, context);
    return { metadata: metadataOf(file), blocks: blocksOf(file, partsOf(file, bytes, context)) };
  },
};

/** A PDF of which ranges of pages are read; `close` it. */
export interface OpenPdf {
  readonly print: FilePrint;
  read(range: PageRange): Iterable<PageContent>;
  close(): void;
}

/** Opens a PDF that another reader shares. @throws DocumentError as extraction does. */
export async function openPdfPages(source: AsyncIterable<Uint8Array>, context: ExtractContext): Promise<OpenPdf> {
  const { file, bytes } = await openPdf(source, context);
  const print = printOf(file, bytes);
  return { print, read: (range) => pagesOf(file, range), close: () => file.close() };
}

async function openPdf(source: AsyncIterable<Uint8Array>, context: ExtractContext) {
  const bytes = await readWhole(source, context.limits.fileBytes, 'The PDF');
  if (isCutShort(bytes)) throw truncatedDocument('The PDF');
  const pdfium = await Pdfium.shared(context.cache);
  const file = pdfium.open(bytes);
  if (file === 'password') throw encryptedDocument('The PDF');
  if (file === 'damaged') throw malformedDocument('pdf', 'its table of objects or its pages are damaged');
  return { file, bytes };
}

const printOf = (file: PdfFile, bytes: Uint8Array): FilePrint => ({
  pages: file.pages,
  bytes: bytes.byteLength,
  crc32: crc32(bytes),
});

/** No generator itself: it would hold the file's bytes, of which PDFium has its own copy, until the last page. */
function partsOf(
  file: PdfFile,
  bytes: Uint8Array,
  { sharing }: ExtractContext,
): AsyncIterable<RangePart> | Iterable<RangePart> {
  if (sharing === undefined || file.pages < sharing.minPages) return allPages(file);
  return sharedPages(sharing, printOf(file, bytes), (range) => pagesOf(file, range));
}

function* allPages(file: PdfFile): Generator<RangePart> {
  for (const page of pagesOf(file, { index: 0, from: 0, to: file.pages })) yield partOf(page);
}

async function* blocksOf(file: PdfFile, parts: AsyncIterable<RangePart> | Iterable<RangePart>): AsyncGenerator<Block> {
  try {
    let texts = 0;
    let drawnPages = 0;
    for await (const part of parts) {
      texts += part.blocks.length;
      drawnPages += part.drawnPages;
      yield* part.blocks;
    }
    if (texts === 0) throw drawnPages > 0 ? scannedDocument(file.pages) : emptyDocument();
  } finally {
    file.close();
  }
}

function* pagesOf(file: PdfFile, { from, to }: PageRange): Generator<PageContent> {
  for (let at = from; at < to; at += 1) {
    const page = file.page(at);
    const text = textOfPage(page.text);
    const blocks = text === '' ? [] : [...cutBlock({ kind: 'text', text, page: at + 1 })];
    yield { blocks, drawn: text === '' && page.drawn };
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
