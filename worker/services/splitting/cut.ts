/** Picks where text that is too long is best cut. */
import { type Boundaries, isClauseEnd, isSentenceEnd, outsidePair } from './sentences.ts';
import type { TextBuffer } from './text-buffer.ts';

export interface CutPlace {
  /** Where the piece begins. */
  readonly start: number;
  /** The cut must be after this: what is before is repeated from the piece before. */
  readonly fresh: number;
  /** The cut must be here or before: as far as the token limit reaches. */
  readonly fit: number;
}

/**
 * The best cut of (fresh, fit]: before a row or heading that does not fit, else at the end of a paragraph, a sentence, a
 * line, a clause, a word, a character, in that order, of code at the end of a line first. A place in the piece's second
 * half is better than a stronger one in its first, so that pieces are filled.
 */
export function chooseCut(buffer: TextBuffer, place: CutPlace, boundaries: Boundaries): number {
  const { fresh, fit } = place;
  const whole = beforeWhole(buffer, fresh, fit);
  if (whole > fresh) return whole;
  const natural = naturalCut(buffer, place);
  if (natural > fresh) return natural;
  const word = boundaries.wordBefore(buffer.text, fresh, fit);
  if (word > fresh) return word;
  const character = boundaries.characterBefore(buffer.text, fresh, fit);
  return character > fresh ? character : outsidePair(buffer.text, fit);
}

/** When the limit falls in a row or heading: where that begins (the first of several headings in turn); else -1. */
function beforeWhole(buffer: TextBuffer, fresh: number, fit: number): number {
  const { spans } = buffer;
  let index = buffer.spanIndex(fit);
  const span = spans[index];
  const starts = span?.at === fit;
  if (!starts && span?.kind !== 'row' && span?.kind !== 'heading') return -1;
  if (!starts && span.kind === 'row' && fit >= span.end) return -1;
  const own = span.at;
  while (index > 0 && spans[index - 1]?.kind === 'heading') index -= 1;
  const chain = spans[index]?.at ?? -1;
  return chain > fresh ? chain : span.kind === 'row' ? own : -1;
}

function naturalCut(buffer: TextBuffer, { start, fresh, fit }: CutPlace): number {
  const { text } = buffer;
  const half = start + Math.floor((fit - start) / 2);
  const quarter = start + Math.floor((fit - start) / 4);
  const found = { paragraph: -1, sentence: -1, line: -1, clause: -1 };
  const linesFirst = buffer.spanAt(fit)?.kind === 'code';
  for (let at = fit; at > fresh && at > quarter; at -= 1) {
    if (at < half && Math.max(found.paragraph, found.sentence, found.line) > 0) break;
    const kind = naturalEnd(text, at, found);
    if (!kind || !allowed(buffer, at)) continue;
    found[kind] = at;
    if (kind === 'paragraph' || (kind === 'line' && linesFirst)) return at;
  }
  const { sentence, line, clause } = found;
  return sentence > 0 ? sentence : line > 0 ? line : clause;
}

/** What ends right before `at`, unless something of the kind was found already. */
function naturalEnd(
  text: string,
  at: number,
  found: { readonly sentence: number; readonly line: number; readonly clause: number },
): 'paragraph' | 'sentence' | 'line' | 'clause' | undefined {
  if (text.charCodeAt(at - 1) === 0x0a) {
    if (text.charCodeAt(at - 2) === 0x0a) return 'paragraph';
    return found.line < 0 ? 'line' : undefined;
  }
  if (found.sentence < 0 && isSentenceEnd(text, at)) return 'sentence';
  return found.clause < 0 && isClauseEnd(text, at) ? 'clause' : undefined;
}

/** False inside a heading or row and right after a heading. */
function allowed(buffer: TextBuffer, at: number): boolean {
  const span = buffer.spanAt(at - 1);
  if (span?.kind === 'heading') return false;
  return !(span?.kind === 'row' && at < span.end);
}
