/** Blocks into segments: cleaned, cut by a process rule, counted, and with the words they are found by. */
import type { Block, ChildChunk, Segment } from '../document.ts';
import { analyse } from '../search-text/words.ts';
import { clean, cleaningOf } from './clean.ts';
import { automaticRule, type ProcessRule, type SegmentationRule } from './process-rule.ts';
import { Boundaries } from './sentences.ts';
import { type Limits, type Piece, Splitter } from './splitter.ts';
import { TokenCounter } from './tokens.ts';
import { windowsOf } from './windows.ts';

/** Longest parent in 'full-doc' mode, in tokens; a longer document becomes several parents. Dify's limit. */
export const maxFullDocTokens = 10_000;

export interface SplitOptions {
  /** BCP 47 ("zh-CN"), for word boundaries; found from the script where absent. */
  readonly language?: string;
}

/**
 * Splits a document's blocks into segments, in order.
 *
 * Streams: holds one block, one window and the text of about one segment, however long the document is. The same blocks
 * and rule give the same segments, also when runs of text were cut into `continued` blocks elsewhere.
 */
export async function* splitBlocks(
  blocks: AsyncIterable<Block> | Iterable<Block>,
  rule: ProcessRule,
  options: SplitOptions = {},
): AsyncGenerator<Segment> {
  const plan = planOf(rule);
  const tools = toolsOf(options);
  let position = 0;
  for await (const piece of cut(blocks, plan, tools)) {
    position += 1;
    const children = plan.children && childrenOf(piece, new Splitter(plan.children, tools.counter, tools.boundaries));
    yield segmentOf(piece, position, children);
  }
}

/** As `splitBlocks`, but the bare pieces: cleaned, cut and counted, without children and words. */
export function cutBlocks(
  blocks: AsyncIterable<Block> | Iterable<Block>,
  rule: ProcessRule,
  options: SplitOptions = {},
): AsyncGenerator<Piece> {
  return cut(blocks, planOf(rule), toolsOf(options));
}

const toolsOf = ({ language }: SplitOptions) => ({ counter: new TokenCounter(), boundaries: new Boundaries(language) });

async function* cut(
  blocks: AsyncIterable<Block> | Iterable<Block>,
  { limits, cleaning }: ReturnType<typeof planOf>,
  { counter, boundaries }: ReturnType<typeof toolsOf>,
): AsyncGenerator<Piece> {
  const splitter = new Splitter(limits, counter, boundaries);
  for await (const window of windowsOf(blocks)) {
    const text = clean(window.text, cleaning, window.kind === 'code');
    yield* splitter.push({ ...window, text });
  }
  yield* splitter.finish();
}

function planOf(rule: ProcessRule) {
  if (rule.mode === 'automatic') {
    const { pre_processing_rules, segmentation } = automaticRule;
    // Dify's automatic mode fills segments up instead of ending one at every separator.
    return { cleaning: cleaningOf(pre_processing_rules), limits: { ...limitsOf(segmentation), separator: '' } };
  }
  const cleaning = cleaningOf(rule.rules.pre_processing_rules);
  if (rule.mode === 'custom') return { cleaning, limits: limitsOf(rule.rules.segmentation) };
  const whole = { separator: '', maxTokens: maxFullDocTokens, overlap: 0 };
  const limits = rule.rules.parent_mode === 'full-doc' ? whole : limitsOf(rule.rules.segmentation);
  return { cleaning, limits, children: limitsOf(rule.rules.subchunk_segmentation) };
}

function limitsOf(rule: SegmentationRule): Limits {
  return { separator: rule.separator, maxTokens: rule.max_tokens, overlap: rule.chunk_overlap };
}

function segmentOf(piece: Piece, position: number, children: readonly ChildChunk[] | undefined): Segment {
  const { content, tokens, page, section } = piece;
  return {
    position,
    content,
    tokens,
    ...analyse(content),
    ...(page === undefined ? {} : { page }),
    ...(section === undefined ? {} : { section }),
    ...(children === undefined ? {} : { children }),
  };
}

function childrenOf(parent: Piece, splitter: Splitter): ChildChunk[] {
  const pieces: Piece[] = [];
  for (const part of parent.parts) {
    pieces.push(...splitter.push({ ...part, starts: true, page: undefined, section: undefined }));
  }
  pieces.push(...splitter.finish());
  return pieces.map(({ content }, index) => ({ position: index + 1, content }));
}
