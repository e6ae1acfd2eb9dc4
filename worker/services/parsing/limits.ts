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
