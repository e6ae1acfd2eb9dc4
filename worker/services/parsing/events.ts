import type { DocumentMetadata, Segment } from '../document.ts';
import type { ExtractLimits } from '../extraction/extractor.ts';
import type { ProcessRule } from '../splitting/process-rule.ts';

/** What parsing a document yields: its metadata first, then its segments in batches, then the totals. */
export type ParseEvent =
  | { readonly type: 'metadata'; readonly metadata: DocumentMetadata }
  | { readonly type: 'segments'; readonly segments: readonly Segment[] }
  | {
      readonly type: 'done';
      /** All segments of the document, those that were skipped too; likewise `words` and `tokens`. */
      readonly segments: number;
      readonly words: number;
      readonly tokens: number;
      /** Bytes of the document. */
      readonly bytes: number;
    };

/** What the parent tells the child with each document. */
export interface ParseArgument {
  readonly name: string;
  readonly rule: ProcessRule;
  readonly limits: ExtractLimits;
  /** The first segments, which are not sent. */
  readonly skipSegments: number;
  readonly language?: string;
  /** Pages from which on a document is shared with other children; absent where there are none. */
  readonly sharePages?: number;
}
