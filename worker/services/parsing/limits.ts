import { defaultExtractLimits, type ExtractLimits } from '../extraction/extractor.ts';

/** What parsing one document may take. */
export interface ParseLimits {
  /** Time of work for a document of no size, in ms; waiting for the source or the reader does not count. */
  readonly wallMs: number;
  /** Added to `wallMs` for each MiB of the document, in ms. */
  readonly wallMsPerMib: number;
  /** Resident memory of the child, in bytes: heap, buffers and WebAssembly. */
  readonly rssBytes: number;
  /** All that is sent of one document, in bytes. */
  readonly outputBytes: number;
  /** How long the source may give nothing, in ms. */
  readonly stallMs: number;
  readonly extract: ExtractLimits;
}

export const defaultParseLimits: ParseLimits = {
  wallMs: 60_000,
  wallMsPerMib: 1_000,
  rssBytes: 512 * 1024 * 1024,
  outputBytes: 1024 * 1024 * 1024,
  stallMs: 60_000,
  extract: defaultExtractLimits,
};

/** V8's heap in a parsing child, in MiB. Below `rssBytes`, so that Node collects garbage before the child is killed. */
export const parseHeapMib = 320;

/** Segments of one event at most. */
export const maxBatchSegments = 200;
/** Characters of one event's segments at most, but for a single segment that is longer. */
export const maxBatchChars = 1024 * 1024;

/** How the warm children of a process are kept. */
export const defaultPool = {
  size: 2,
  /** PDFium's memory never shrinks: a child that has grown this far makes room for a new one. */
  recycleRssBytes: 320 * 1024 * 1024,
  maxJobs: 200,
  idleMs: 30_000,
} as const;

/** How the pages of one document are shared among children. */
export interface SharingLimits {
  /** A document of fewer pages, or with fewer left to read, is not shared. */
  readonly minPages: number;
  /** Pages that a child reads in one go. */
  readonly rangePages: number;
  /** Ranges read beyond the one whose turn it is, at most. */
  readonly maxAheadRanges: number;
  /** What this process holds of pages whose turn has not come, in bytes; a helper that reads on is held back. */
  readonly maxAheadBytes: number;
  /** A child is started to help when the rest is expected to take this long, in ms; a warm one helps at once. */
  readonly startMs: number;
  /** How long a helper that still opens the document is waited for at the end, in ms. */
  readonly graceMs: number;
}

export const defaultSharing: SharingLimits = {
  // Opening a document again takes about as long as reading ten pages.
  minPages: 40,
  // A question takes 0.3 ms, a page of text 0.5 ms.
  rangePages: 16,
  maxAheadRanges: 8,
  maxAheadBytes: 8 * 1024 * 1024,
  // A child that starts and reads its first pages costs 0.5 to 0.8 s of a core.
  startMs: 1_500,
  graceMs: 250,
};
