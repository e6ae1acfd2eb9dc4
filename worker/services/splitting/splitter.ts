/**
 * Cuts a stream of text into pieces of at most so many tokens.
 *
 * Own code where @langchain/textsplitters would be the choice of the field, because that needs the whole text in memory,
 * asks for the length of every part anew (token counts make it many times slower), and drops separators on the way.
 *
 * Every decision looks at no more than `#lookAhead` code units from where a piece begins and is made only when as many
 * are there or the text has ended. So a piece depends on the text alone, not on how it arrived, and what is held is
 * bounded by that and one window.
 */
import { chooseCut } from './cut.ts';
import { overlapStart } from './overlap.ts';
import { type Boundaries, isSpace } from './sentences.ts';
import { type Span, TextBuffer } from './text-buffer.ts';
import { pieceEnd, type TokenCounter } from './tokens.ts';

/** A token stands for at most this much text in a piece, in UTF-16 code units: bounds pieces of nothing but spaces or dashes. */
export const maxCharsPerToken = 16;
/** What is read beyond the longest piece, for the context of a cut. UTF-16 code units. */
const contextChars = 512;
/** Text that is let come together beyond what a decision needs, so that work is done in runs. UTF-16 code units. */
const batchChars = 32_768;

/** From here on a pre-token may be cut for the overlap: text without spaces. UTF-16 code units. */
const longRunChars = 16;

export interface Limits {
  /** A piece ends wherever this stands; empty for nowhere. */
  readonly separator: string;
  readonly maxTokens: number;
  readonly overlap: number;
}

export interface TextPart {
  readonly kind: Span['kind'];
  readonly text: string;
}

export interface Piece {
  readonly content: string;
  readonly tokens: number;
  readonly page: number | undefined;
  readonly section: string | undefined;
  /** The content by the blocks it comes from. */
  readonly parts: readonly TextPart[];
}

/** Sentence punctuation in a separator is text that a reader wants; anything else ("###") is a mark and is removed. */
const keptSeparator = /[.。!！?？;；]/;

export class Splitter {
  readonly #buffer = new TextBuffer();
  readonly #limits: Limits;
  readonly #counter: TokenCounter;
  readonly #boundaries: Boundaries;
  readonly #maxChars: number;
  readonly #lookAhead: number;
  /** Length of the separator that is skipped; 0 when it is kept. */
  readonly #skipped: number;
  /** Ends of the pre-tokenizer's pieces of the fit in hand, and tokens up to them. */
  readonly #ends: Int32Array;
  readonly #sums: Int32Array;
  #fitted = 0;
  /** Where text begins that is in no piece yet. */
  #fresh = 0;
  /** Where the next piece begins: `#fresh`, or before it by the overlap. */
  #from = 0;

  constructor(limits: Limits, counter: TokenCounter, boundaries: Boundaries) {
    this.#limits = limits;
    this.#counter = counter;
    this.#boundaries = boundaries;
    this.#maxChars = limits.maxTokens * maxCharsPerToken;
    this.#lookAhead = this.#maxChars + limits.separator.length + contextChars;
    this.#skipped = keptSeparator.test(limits.separator) ? 0 : limits.separator.length;
    this.#ends = new Int32Array(limits.maxTokens + 2);
    this.#sums = new Int32Array(limits.maxTokens + 2);
  }

  /** Takes text and gives the pieces that are now certain. */
  *push(part: Parameters<TextBuffer['append']>[0]): Generator<Piece> {
    this.#buffer.append(part);
    if (this.#buffer.text.length - this.#from >= this.#lookAhead + batchChars) yield* this.#drain(this.#lookAhead);
  }

  /** Gives the rest. */
  *finish(): Generator<Piece> {
    yield* this.#drain(0);
  }

  *#drain(keep: number): Generator<Piece> {
    for (;;) {
      if (this.#buffer.text.length - this.#from < keep) return;
      this.#skipBlank();
      if (this.#fresh >= this.#buffer.text.length) return;
      if (this.#buffer.text.length - this.#from < keep) return;
      yield this.#next();
      const dropped = this.#buffer.drop(this.#from);
      this.#from -= dropped;
      this.#fresh -= dropped;
    }
  }

  /** Passes white space and separators. Past a separator nothing of the piece before is repeated. */
  #skipBlank(): void {
    const { text } = this.#buffer;
    const { separator } = this.#limits;
    const overlapping = this.#from < this.#fresh;
    let at = this.#fresh;
    let parted = !overlapping;
    let lineStart = at;
    while (at < text.length) {
      if (separator !== '' && text.startsWith(separator, at) && this.#isSeparator(at)) {
        parted = true;
        if (this.#skipped > 0) {
          at += this.#skipped;
          lineStart = at;
          continue;
        }
      }
      if (!isSpace(text.charCodeAt(at))) break;
      at += 1;
      if (text.charCodeAt(at - 1) === 0x0a) lineStart = at;
    }
    this.#fresh = at < text.length && this.#buffer.spanAt(at)?.kind === 'code' ? Math.max(lineStart, this.#fresh) : at;
    if (parted) this.#from = this.#fresh;
  }

  #next(): Piece {
    const end = this.#partEnd();
    let cut = this.#cutBefore(end);
    if (cut <= this.#fresh || this.#tearsRow(cut)) {
      this.#from = this.#fresh;
      cut = this.#cutBefore(end);
    }
    const start = this.#from;
    const piece = this.#pieceOf(start, cut);
    const { overlap } = this.#limits;
    this.#fresh = cut;
    this.#from = cut;
    if (cut < end && overlap > 0) {
      const contentEnd = start + piece.content.length;
      const window = {
        start,
        end: contentEnd,
        cut,
        least: this.#leastOverlap(start, contentEnd, piece.tokens),
        limit: overlap,
      };
      this.#from = overlapStart(this.#buffer, window, this.#counter, this.#boundaries);
    }
    return piece;
  }

  /** True of a cut inside a row that a piece without overlap might hold whole. */
  #tearsRow(cut: number): boolean {
    const span = this.#buffer.spanAt(cut);
    return span?.kind === 'row' && this.#from < this.#fresh && cut > span.at && cut < span.end;
  }

  /** End of the part that the piece must stay in: the next separator, else as far as a piece can reach. */
  #partEnd(): number {
    const { text } = this.#buffer;
    const { separator } = this.#limits;
    const most = Math.min(text.length, this.#from + this.#maxChars + 1);
    if (separator === '') return most;
    const horizon = text.slice(this.#fresh, most + separator.length);
    for (let at = horizon.indexOf(separator); at >= 0; at = horizon.indexOf(separator, at + separator.length)) {
      const place = this.#fresh + at;
      if (this.#isSeparator(place)) return Math.min(most, this.#skipped > 0 ? place : place + separator.length);
    }
    return most;
  }

  /** False of separators inside a row, and of those in or right after a heading, which stays with what follows it. */
  #isSeparator(at: number): boolean {
    const span = this.#buffer.spanAt(at);
    if (span?.kind === 'heading') return false;
    return !(span?.kind === 'row' && at < span.end);
  }

  /** Fits what the limit allows of text up to `end` and picks where to cut it. */
  #cutBefore(end: number): number {
    let fit = this.#fit(this.#from, end);
    for (;;) {
      const place = { start: this.#from, fresh: this.#fresh, fit };
      const cut =
        fit >= end && end - this.#from <= this.#maxChars ? end : chooseCut(this.#buffer, place, this.#boundaries);
      if (cut <= this.#fresh || this.#tokens(this.#from, cut) <= this.#limits.maxTokens) return cut;
      fit = Math.min(fit, cut) - 1;
    }
  }

  /** Counts tokens from `start` until the limit; gives where that is, at most `end`. */
  #fit(start: number, end: number): number {
    const { text } = this.#buffer;
    const { maxTokens } = this.#limits;
    const most = Math.min(end, start + this.#maxChars);
    let at = start;
    let sum = 0;
    this.#fitted = 0;
    while (at < most) {
      const piece = pieceEnd(text, at, most);
      const { end: reached, tokens } = this.#counter.reach(text, at, piece, maxTokens - sum);
      if (reached < piece) return reached;
      sum += tokens;
      at = reached;
      this.#ends[this.#fitted] = at;
      this.#sums[this.#fitted] = sum;
      this.#fitted += 1;
    }
    return at;
  }

  /** Exact tokens of the content between two places, the first being where the fit in hand began. */
  #tokens(start: number, cut: number): number {
    const { text } = this.#buffer;
    const end = start + text.slice(start, cut).trimEnd().length;
    let index = this.#fitted - 1;
    while (index >= 0 && (this.#ends[index] ?? 0) > end) index -= 1;
    if (index < 0) return this.#counter.count(text, start, end);
    return (this.#sums[index] ?? 0) + this.#counter.count(text, this.#ends[index] ?? start, end);
  }

  /** About where the content's last tokens begin, as many as the overlap may have; inside a long run too. */
  #leastOverlap(start: number, end: number, tokens: number): number {
    let index = this.#fitted - 1;
    while (index >= 0 && (this.#ends[index] ?? 0) >= end) index -= 1;
    let to = end;
    let after = 0;
    for (; index >= -1; index -= 1) {
      const from = index < 0 ? start : (this.#ends[index] ?? start);
      const sum = tokens - (index < 0 ? 0 : (this.#sums[index] ?? 0));
      if (sum > this.#limits.overlap) {
        return to - from > longRunChars
          ? this.#counter.tail(this.#buffer.text, from, to, this.#limits.overlap - after)
          : to;
      }
      to = from;
      after = sum;
    }
    return start;
  }

  #pieceOf(start: number, cut: number): Piece {
    const { text, spans } = this.#buffer;
    const content = text.slice(start, cut).trimEnd();
    const end = start + content.length;
    const first = this.#buffer.spanIndex(start);
    const parts: TextPart[] = [];
    for (let index = first; index < spans.length && (spans[index]?.at ?? end) < end; index += 1) {
      const span = spans[index];
      if (span) parts.push({ kind: span.kind, text: text.slice(Math.max(span.at, start), Math.min(span.end, end)) });
    }
    const { page, section } = spans[first] ?? {};
    return { content, tokens: this.#tokens(start, cut), page, section, parts };
  }
}
