/** What format a document has, by its content. Its name decides only between text formats that both fit. */
import { fileTypeFromBuffer } from 'file-type';
import type { DocumentFormat } from '../document.ts';
import { detectEncoding, type EncodingChoice } from './encoding.ts';
import { emptyDocument, unsupportedDocument } from './faults.ts';
import { sniffText } from './sniff-text.ts';

/** First bytes of a document that detection looks at. */
export const headBytes = 64 * 1024;

export type Detected =
  | { readonly kind: 'format'; readonly format: DocumentFormat; readonly encoding?: EncodingChoice }
  /** A zip file: its list of parts, at its end, says which. */
  | { readonly kind: 'zip' }
  /** An OLE compound file: what is in it, its directory says, which can stand anywhere. */
  | { readonly kind: 'compound' };

/**
 * @param head The document's first bytes, `headBytes` of them if it has as many.
 * @param complete True when the head is all there is.
 * @throws DocumentError for what is no text and no known format.
 */
export async function detect(head: Uint8Array, complete: boolean, name: string): Promise<Detected> {
  if (head.byteLength === 0) throw emptyDocument();
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (
    bytes.subarray(0, 4).equals(Buffer.from('PK\x03\x04')) ||
    bytes.subarray(0, 4).equals(Buffer.from('PK\x05\x06'))
  ) {
    return { kind: 'zip' };
  }
  const pdfAt = bytes.subarray(0, 1024).indexOf('%PDF-');
  if (pdfAt >= 0 && isPdfStart(bytes.subarray(0, pdfAt))) return { kind: 'format', format: 'pdf' };
  if (bytes.subarray(0, 8).equals(compoundFile)) return { kind: 'compound' };
  const encoding = detectEncoding(head, complete);
  if (encoding === undefined) throw unsupportedDocument(await binaryName(head));
  const text = new TextDecoder(encoding.encoding).decode(head.subarray(encoding.markBytes), { stream: !complete });
  return { kind: 'format', format: sniffText(text, name), encoding };
}

/** What may stand before a PDF's header: nothing but white space and binary junk, never a text that quotes it. */
function isPdfStart(before: Buffer): boolean {
  return before.byteLength === 0 || !/[\w]{3,}\s+[\w]{2,}/.test(before.toString('latin1'));
}

const compoundFile = Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);

async function binaryName(head: Uint8Array): Promise<string> {
  const type = await fileTypeFromBuffer(head);
  return type === undefined
    ? 'A file that is no text and in no format known here'
    : `A ${type.ext.toUpperCase()} file (${type.mime})`;
}

/** The format of a zip file, by the names of its parts and its `mimetype` part. */
export function zipFormat(names: readonly string[], mimetype: string): DocumentFormat {
  if (mimetype.trim() === 'application/epub+zip') return 'epub';
  const has = (prefix: string) => names.some((name) => name.startsWith(prefix));
  if (names.includes('[Content_Types].xml')) {
    if (has('word/')) return 'docx';
    if (has('xl/')) return 'xlsx';
    if (has('ppt/')) return 'pptx';
  }
  if (names.includes('META-INF/container.xml')) return 'epub';
  if (mimetype.startsWith('application/vnd.oasis.opendocument')) {
    throw unsupportedDocument('An OpenDocument file', 'Save it as DOCX, XLSX or PPTX and upload that.');
  }
  throw unsupportedDocument('A ZIP archive', 'Unpack it and upload the documents in it.');
}
