/** The shape that every format's extractor has. */
import type { Block, DocumentFormat, DocumentMetadata } from '../document.ts';
import type { EncodingChoice } from './encoding.ts';
import type { PageSharing } from './page-sharing.ts';

/** How much of a document may be held in memory at once. */
export interface ExtractLimits {
  /** Longest file of a format that cannot be streamed (office, PDF, EPUB, EML), in bytes. */
  readonly fileBytes: number;
  /** What the parts of a zip file may inflate to, all together, in bytes. */
  readonly inflatedBytes: number;
  /** Longest HTML page whose main content is looked for; a longer one is taken whole, as a stream. In bytes. */
  readonly articleBytes: number;
}

export const defaultExtractLimits: ExtractLimits = {
  // Held twice while it is put together, and a third time by PDFium: 3 x 96 MiB stay below a child's 512 MiB.
  fileBytes: 96 * 1024 * 1024,
  inflatedBytes: 1024 * 1024 * 1024,
  articleBytes: 4 * 1024 * 1024,
};

/** A document to be read, once, from its first byte. */
export interface ExtractSource {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The document's first bytes, which `bytes` gives as well. */
  readonly head: Uint8Array;
  /** How the text is encoded; of text formats. */
  readonly encoding?: EncodingChoice;
}

export interface ExtractContext {
  readonly limits: ExtractLimits;
  /** Kept between documents: compiled modules only. */
  readonly cache: Map<string, unknown>;
  /** Reads some of a long document's pages elsewhere; without it they are all read here. */
  readonly sharing?: PageSharing;
}

/** What comes of a document: what it says of itself, and its blocks in reading order, which can be taken once. */
export interface Extraction {
  readonly metadata: DocumentMetadata;
  readonly blocks: AsyncIterable<Block>;
}

/** One format's way in. Throws DocumentError, from `extract` or while its blocks are taken. */
export interface Extractor {
  readonly format: DocumentFormat;
  extract(source: ExtractSource, context: ExtractContext): Promise<Extraction>;
}
