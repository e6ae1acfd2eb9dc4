/** What the children that read one document's pages and their parent say to each other. */
import type { ExtractLimits } from '../extraction/extractor.ts';
import type { FilePrint, PageRange } from '../extraction/page-sharing.ts';

/** What the child that puts the pages together asks. */
export type LeadQuestion =
  /** Answered with the number of ranges. */
  | { readonly ask: 'begin'; readonly print: FilePrint }
  /** Answered with a `LeadAnswer`; `waited` and `ahead` as of `PageSharing.next`. */
  | { readonly ask: 'next'; readonly waited: number; readonly ahead: boolean };

export type LeadAnswer =
  | { readonly do: 'read'; readonly range: PageRange }
  | { readonly do: 'take'; readonly part: SentPart };

/** A `RangePart` on its way: its blocks are serialized once, by the child that read them. */
export interface SentPart {
  readonly blocks: Uint8Array;
  readonly drawnPages: number;
  readonly last: boolean;
}

/** The argument of a child that helps. */
export interface HelpArgument {
  readonly help: 'pages';
  readonly limits: ExtractLimits;
}

/** Asked by a child that helps whenever it is free; answered with a `PageRange`, or null when it is to end. */
export interface HelperQuestion {
  readonly print: FilePrint;
}

/** What a child that helps yields. */
export interface HelperValue {
  readonly index: number;
  readonly part: SentPart;
}
