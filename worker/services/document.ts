/**
 * The words that extraction, splitting and indexing share.
 *
 * A *document* is one file or text. *Extraction* turns it into *blocks* in reading order; *cleaning* and *splitting*
 * turn blocks into *segments* (what is searched and shown), in hierarchical mode each with *child chunks* (what is
 * embedded, while the segment is what is returned).
 */
import { PermanentError } from '../errors.ts';

/** The file formats that can be indexed, as found out from a file's content. */
export const documentFormats = [
  'txt',
  'md',
  'mdx',
  'html',
  'xml',
  'csv',
  'xlsx',
  'docx',
  'pptx',
  'pdf',
  'epub',
  'eml',
  'vtt',
  'properties',
] as const;
export type DocumentFormat = (typeof documentFormats)[number];

/** A run of text in reading order. `heading` starts a section; `row` is one record of a table. */
export interface Block {
  readonly kind: 'heading' | 'text' | 'code' | 'row';
  /** Unicode, line ends are \n, no NUL. Never longer than `maxBlockChars`; longer runs come as several blocks. */
  readonly text: string;
  /** Heading level, 1 to 6; of headings only. */
  readonly level?: number;
  /** Page or slide number from 1, where the format has pages. */
  readonly page?: number;
  /** Sheet name (XLSX) or chapter title (EPUB). */
  readonly section?: string;
  /** True when this block goes on where the one before was cut for its length: no separator stands between them. */
  readonly continued?: boolean;
}

/** Longest text of one block, in UTF-16 code units: what bounds memory on a file without line breaks. */
export const maxBlockChars = 65_536;

/** What a document says of itself. Dates are ISO 8601. */
export interface DocumentMetadata {
  readonly format: DocumentFormat;
  readonly title?: string;
  readonly author?: string;
  readonly createdAt?: string;
  readonly modifiedAt?: string;
  /** Pages, slides or sheets, where the format has them. */
  readonly pages?: number;
  /** Character encoding of text formats, as WHATWG names it ("utf-8", "gb18030"). */
  readonly encoding?: string;
}

/** A part of a segment that is embedded on its own (hierarchical mode). */
export interface ChildChunk {
  /** From 1, within its segment. */
  readonly position: number;
  readonly content: string;
}

/** The unit of search. */
export interface Segment {
  /** From 1, within its document; gapless. */
  readonly position: number;
  readonly content: string;
  /** Tokens as cl100k_base counts them: the unit of `max_tokens`. */
  readonly tokens: number;
  /** Words (a CJK word counts as one). */
  readonly wordCount: number;
  /** Words of the content for full-text search, lower case, stop words and punctuation removed; CJK text cut into words. In order, with repeats. */
  readonly searchText: string;
  /** The most telling words, best first, at most 10: what `economy` indexing searches. */
  readonly keywords: readonly string[];
  /** Page or slide on which the segment begins. */
  readonly page?: number;
  readonly section?: string;
  readonly children?: readonly ChildChunk[];
}

/**
 * A document that cannot be indexed as it is. Its message is a sentence for the person who uploaded it.
 * Codes: `document_empty`, `document_encrypted`, `document_scanned`, `document_truncated`, `document_unsupported`,
 * `document_malformed`, `document_too_large`, `document_too_slow`, `document_too_hungry`.
 */
export class DocumentError extends PermanentError {}
