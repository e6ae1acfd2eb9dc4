/** The child's side of parsing: extract, then clean and split, and send what comes in batches. */

import type { ChildContext } from '../bounded-child/runner.ts';
import type { Segment } from '../document.ts';
import { extract } from '../extraction/extract.ts';
import { splitBlocks } from '../splitting/split.ts';
import type { ParseArgument, ParseEvent } from './events.ts';
import { maxBatchChars, maxBatchSegments } from './limits.ts';
import { helpWithPages, isHelp, sharingThrough } from './page-helper.ts';
import type { HelperValue } from './page-messages.ts';

/** A `BoundedTask`; `argument` is a `ParseArgument` and values are `ParseEvent`s, or it helps with another's pages. */
export function run(
  input: AsyncIterable<Uint8Array>,
  argument: unknown,
  context: ChildContext,
): AsyncGenerator<ParseEvent | HelperValue> {
  // Written by `parse.ts` on the other end of a private pipe.
  return isHelp(argument) ? helpWithPages(input, argument, context) : parse(input, argument as ParseArgument, context);
}

async function* parse(
  input: AsyncIterable<Uint8Array>,
  { name, rule, limits, skipSegments, language, sharePages }: ParseArgument,
  { cache, ask }: ChildContext,
): AsyncGenerator<ParseEvent> {
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const piece of input) {
      bytes += piece.byteLength;
      yield piece;
    }
  }
  const sharing = sharePages === undefined ? {} : { sharing: sharingThrough(ask, sharePages) };
  const { metadata, blocks } = await extract(counted(), name, { limits, cache, ...sharing });
  yield { type: 'metadata', metadata };
  let segments = 0;
  let words = 0;
  let tokens = 0;
  let batch: Segment[] = [];
  let batchChars = 0;
  for await (const segment of splitBlocks(blocks, rule, language === undefined ? {} : { language })) {
    segments += 1;
    words += segment.wordCount;
    tokens += segment.tokens;
    if (segments <= skipSegments) continue;
    const chars = segment.content.length + segment.searchText.length;
    if (batch.length > 0 && (batch.length >= maxBatchSegments || batchChars + chars > maxBatchChars)) {
      yield { type: 'segments', segments: batch };
      batch = [];
      batchChars = 0;
    }
    batch.push(segment);
    batchChars += chars;
  }
  if (batch.length > 0) yield { type: 'segments', segments: batch };
  yield { type: 'done', segments, words, tokens, bytes };
}
