/** Extraction alone, or extraction of plain text and cutting, in a bounded child as parsing has it: what `ours.ts` runs on two cores. */
import type { ChildContext } from '../../worker/services/bounded-child/runner.ts';
import { extract } from '../../worker/services/extraction/extract.ts';
import { defaultExtractLimits } from '../../worker/services/extraction/extractor.ts';
import { helpWithPages, isHelp, sharingThrough } from '../../worker/services/parsing/page-helper.ts';
import type { HelperValue } from '../../worker/services/parsing/page-messages.ts';
import { cutBlocks } from '../../worker/services/splitting/split.ts';

export interface BenchChildArgument {
  readonly name: string;
  readonly split: boolean;
  /** As in parsing: pages from which on a document is shared with the other child. */
  readonly sharePages: number;
}

/** As much text is sent at a time as parsing sends. UTF-16 code units. */
const maxBatchChars = 1024 * 1024;

/** A `BoundedTask`; values are lists of texts: pieces when `split`, else blocks with the space between them. */
export function run(
  input: AsyncIterable<Uint8Array>,
  argument: unknown,
  context: ChildContext,
): AsyncGenerator<string[] | HelperValue> {
  // Written by ours.ts.
  return isHelp(argument)
    ? helpWithPages(input, argument, context)
    : bench(input, argument as BenchChildArgument, context);
}

async function* bench(
  input: AsyncIterable<Uint8Array>,
  { name, split, sharePages }: BenchChildArgument,
  { cache, ask }: ChildContext,
): AsyncGenerator<string[]> {
  const sharing = sharingThrough(ask, sharePages);
  const { blocks } = await extract(input, name, { limits: defaultExtractLimits, cache, sharing });
  let batch: string[] = [];
  let chars = 0;
  for await (const text of split ? contents(blocks) : texts(blocks)) {
    batch.push(text);
    chars += text.length;
    if (chars < maxBatchChars) continue;
    yield batch;
    batch = [];
    chars = 0;
  }
  if (batch.length > 0) yield batch;
}

async function* contents(blocks: Parameters<typeof cutBlocks>[0]): AsyncGenerator<string> {
  for await (const { content } of cutBlocks(blocks, { mode: 'automatic' })) yield content;
}

async function* texts(blocks: Parameters<typeof cutBlocks>[0]): AsyncGenerator<string> {
  let first = true;
  for await (const block of blocks) {
    if (!first && block.continued !== true) yield '\n\n';
    first = false;
    yield block.text;
  }
}
