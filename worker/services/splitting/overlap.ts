/** Picks how much of a piece the next one repeats. */
import { type Boundaries, isSentenceEnd, isSpace } from './sentences.ts';
import type { TextBuffer } from './text-buffer.ts';
import type { TokenCounter } from './tokens.ts';

export interface OverlapWindow {
  /** Where the piece begins and its content ends. */
  readonly start: number;
  readonly end: number;
  /** Where the next piece's new text begins. */
  readonly cut: number;
  /** From here on the tail has about as many tokens as allowed. */
  readonly least: number;
  /** Tokens at most. */
  readonly limit: number;
}

/** Tries that are made before the overlap is left out. */
const maxTries = 8;

/**
 * Where the overlap begins: at a sentence when that leaves more than a third of what is allowed, else at a word, else at a
 * character; in a table at a row. `cut` when there is none. The tail from there has at most `limit` tokens, exactly.
 */
export function overlapStart(
  buffer: TextBuffer,
  window: OverlapWindow,
  counter: TokenCounter,
  boundaries: Boundaries,
): number {
  const { text } = buffer;
  let at = Math.max(window.least, window.start + 1);
  for (let tries = 0; tries < maxTries && at < window.end; tries += 1) {
    const place = wholeRow(buffer, candidate(text, at, window.end, boundaries));
    if (place < 0 || place >= window.end) return window.cut;
    if (counter.count(text, place, window.end) <= window.limit) return place;
    at = place + 1;
  }
  return window.cut;
}

function candidate(text: string, at: number, end: number, boundaries: Boundaries): number {
  const sentence = sentenceAfter(text, at, at + Math.floor(((end - at) * 2) / 3));
  if (sentence >= 0) return sentence;
  const word = boundaries.wordAfter(text, at, end);
  return word >= 0 ? word : boundaries.characterAfter(text, at);
}

/** The first place in [at, before) where a sentence begins, or -1. */
function sentenceAfter(text: string, at: number, before: number): number {
  for (let place = at; place < before; place += 1) {
    if (isSpace(text.charCodeAt(place))) continue;
    let end = place;
    while (end > 0 && isSpace(text.charCodeAt(end - 1))) end -= 1;
    if (text.slice(end, place).includes('\n\n') || isSentenceEnd(text, end)) return place;
  }
  return -1;
}

/** The place, or the beginning of the next row when it is inside one; -1 when there is none. */
function wholeRow(buffer: TextBuffer, place: number): number {
  if (place < 0) return -1;
  const index = buffer.spanIndex(place);
  const span = buffer.spans[index];
  if (span?.kind !== 'row' || span.at === place) return place;
  return buffer.spans[index + 1]?.at ?? -1;
}
