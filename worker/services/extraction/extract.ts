/** The room's face: bytes of whatever format in, metadata and blocks out. */
import type { Block, DocumentFormat } from '../document.ts';
import { detect, headBytes, zipFormat } from './detect.ts';
import type { ExtractContext, Extraction, Extractor } from './extractor.ts';
import { emptyDocument, encryptedDocument, unsupportedDocument } from './faults.ts';
import { peek, readWhole } from './source.ts';
import { ZipFile } from './zip.ts';

/** Extractors are loaded when a document of their format comes: each brings its library. */
const extractors: Record<DocumentFormat, () => Promise<Extractor>> = {
  txt: async () => (await import('./txt.ts')).txt,
  md: async () => (await import('./md.ts')).md,
  mdx: async () => (await import('./mdx.ts')).mdx,
  html: async () => (await import('./html.ts')).html,
  xml: async () => (await import('./xml.ts')).xml,
  csv: async () => (await import('./csv.ts')).csv,
  xlsx: async () => (await import('./xlsx.ts')).xlsx,
  docx: async () => (await import('./docx.ts')).docx,
  pptx: async () => (await import('./pptx.ts')).pptx,
  pdf: async () => (await import('./pdf.ts')).pdf,
  epub: async () => (await import('./epub.ts')).epub,
  eml: async () => (await import('./eml.ts')).eml,
  vtt: async () => (await import('./vtt.ts')).vtt,
  properties: async () => (await import('./properties.ts')).properties,
};

/**
 * Finds out a document's format and reads it.
 *
 * @param name The file's name; decides only between text formats that both fit.
 * @throws DocumentError, here or while the blocks are taken; `document_empty` at their end when none held text.
 */
export async function extract(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  context: ExtractContext,
): Promise<Extraction> {
  const peeked = await peek(bytes, headBytes);
  const detected = await detect(peeked.head, peeked.complete, name);
  if (detected.kind === 'compound') throw await compoundFault(peeked.bytes);
  if (detected.kind === 'zip') return await extractZip(peeked.bytes, context);
  const extractor = await extractors[detected.format]();
  const { encoding } = detected;
  const source = { bytes: peeked.bytes, head: peeked.head, ...(encoding === undefined ? {} : { encoding }) };
  const { metadata, blocks } = await extractor.extract(source, context);
  return { metadata, blocks: withText(blocks) };
}

async function extractZip(bytes: AsyncIterable<Uint8Array>, context: ExtractContext): Promise<Extraction> {
  const file = await readWhole(bytes, context.limits.fileBytes, 'The file');
  const zip = new ZipFile(file, context.limits.inflatedBytes);
  if (zip.encrypted) throw encryptedDocument('The file');
  const mimetype = (await zip.read('mimetype'))?.toString('latin1', 0, 200) ?? '';
  const extractor = await extractors[zipFormat(zip.names, mimetype)]();
  async function* again(): AsyncGenerator<Uint8Array> {
    yield file;
  }
  const { metadata, blocks } = await extractor.extract({ bytes: again(), head: file.subarray(0, headBytes) }, context);
  return { metadata, blocks: withText(blocks) };
}

/** Names of streams that an office file with a password has. */
const lockMarks = ['EncryptedPackage', 'EncryptionInfo'].map((name) => Buffer.from(name, 'utf16le'));
const longestMark = Math.max(...lockMarks.map((mark) => mark.byteLength));

/** An OLE compound file is an office file with a password, or one of the formats before 2007. */
async function compoundFault(bytes: AsyncIterable<Uint8Array>): Promise<Error> {
  let end = Buffer.alloc(0);
  for await (const piece of bytes) {
    const seen = Buffer.concat([end, piece]);
    if (lockMarks.some((mark) => seen.includes(mark))) return encryptedDocument('The office file');
    end = seen.subarray(-longestMark);
  }
  return unsupportedDocument(
    'A file in the format of Office before 2007 (DOC, XLS, PPT or MSG)',
    'Save it as DOCX, XLSX or PPTX and upload that.',
  );
}

/** Passes blocks on; a document none of whose blocks holds text is empty. */
async function* withText(blocks: AsyncIterable<Block>): AsyncGenerator<Block> {
  let seen = false;
  for await (const block of blocks) {
    seen ||= /\S/.test(block.text);
    yield block;
  }
  if (!seen) throw emptyDocument();
}
