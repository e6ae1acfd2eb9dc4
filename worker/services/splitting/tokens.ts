/**
 * Counts tokens as cl100k_base does, piece by piece.
 *
 * The pre-tokenizer cuts a text into pieces that never merge with one another, so tokens add up over pieces. This is its
 * regular expression written out as a scanner; each piece's count is kept in a table, found by the hash that the scan
 * makes along the way, so that ordinary prose costs no allocation at all.
 */
import { BytePairs } from './byte-pairs.ts';
import { astralClass, blank, classOf, digit, isHigh, isLow, letter, lineEnd, other } from './char-class.ts';

/** Longest piece that the table keeps, in UTF-16 code units. */
const maxKeptChars = 32;
/** Slots of the table (a power of two); it is emptied at half full. */
const slots = 1 << 17;
/** Text that the table may keep, in UTF-16 code units (4 MB). */
const maxArenaChars = 1 << 21;

export class TokenCounter {
  readonly #pairs = BytePairs.shared();
  readonly #arena = new Uint16Array(maxArenaChars);
  readonly #starts = new Int32Array(slots);
  readonly #lengths = new Uint8Array(slots);
  readonly #counts = new Uint8Array(slots);
  #arenaChars = 0;
  #kept = 0;

  /** Tokens of text[from, to). */
  count(text: string, from = 0, to = text.length): number {
    let tokens = 0;
    for (let at = from; at < to; ) {
      const end = pieceEnd(text, at, to);
      tokens += this.pieceTokens(text, at, end);
      at = end;
    }
    return tokens;
  }

  /** Tokens of one piece. */
  pieceTokens(text: string, from: number, to: number): number {
    const length = to - from;
    if (length > maxKeptChars) return this.#pairs.count(text.slice(from, to));
    let hash = length;
    for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
    let slot = (hash ^ (hash >>> 15)) & (slots - 1);
    while (this.#lengths[slot] !== 0) {
      if (this.#lengths[slot] === length && this.#same(this.#starts[slot] ?? 0, text, from, length)) {
        return this.#counts[slot] ?? 0;
      }
      slot = (slot + 1) & (slots - 1);
    }
    const tokens = this.#pairs.count(text.slice(from, to));
    this.#keep(slot, text, from, length, tokens);
    return tokens;
  }

  /**
   * The longest beginning of the piece text[from, to) of at most `limit` tokens: its end (never inside a surrogate pair)
   * and, when it is the whole piece, its tokens.
   */
  reach(text: string, from: number, to: number, limit: number): { readonly end: number; readonly tokens: number } {
    if (to - from <= maxKeptChars) {
      const tokens = this.pieceTokens(text, from, to);
      if (tokens <= limit) return { end: to, tokens };
    }
    // Of a long run only so much is merged as the limit may need; the cut is counted exactly by whoever makes it.
    for (let most = limit * 2 + maxKeptChars; ; most *= 4) {
      const whole = from + most >= to;
      const piece = text.slice(from, whole ? to : from + most).toWellFormed();
      const ends = this.#pairs.ends(piece);
      if (ends.length <= limit && whole) return { end: to, tokens: ends.length };
      if (ends.length <= limit) continue;
      const bytes = limit > 0 ? (ends[limit - 1] ?? 0) : 0;
      return { end: from + charsOfBytes(piece, bytes), tokens: limit };
    }
  }

  /** Where the last `limit` tokens of the piece text[from, to) begin; not inside a surrogate pair. */
  tail(text: string, from: number, to: number, limit: number): number {
    const piece = text.slice(from, to);
    const ends = this.#pairs.ends(piece);
    if (ends.length <= limit) return from;
    const bytes = ends[ends.length - limit - 1] ?? 0;
    const at = charsOfBytes(piece, bytes);
    const exact = Buffer.byteLength(piece.slice(0, at)) === bytes;
    return from + (exact ? at : at + widthAt(piece, at, piece.length));
  }

  #same(start: number, text: string, from: number, length: number): boolean {
    for (let at = 0; at < length; at += 1) if (this.#arena[start + at] !== text.charCodeAt(from + at)) return false;
    return true;
  }

  #keep(slot: number, text: string, from: number, length: number, tokens: number): void {
    if (this.#kept >= slots / 2 || this.#arenaChars + length > maxArenaChars) {
      this.#lengths.fill(0);
      this.#kept = 0;
      this.#arenaChars = 0;
      return;
    }
    for (let at = 0; at < length; at += 1) this.#arena[this.#arenaChars + at] = text.charCodeAt(from + at);
    this.#starts[slot] = this.#arenaChars;
    this.#lengths[slot] = length;
    this.#counts[slot] = tokens;
    this.#arenaChars += length;
    this.#kept += 1;
  }
}

/** Where the piece that begins at `at` ends, when the text ends at `to`. */
export function pieceEnd(text: string, at: number, to: number): number {
  const unit = text.charCodeAt(at);
  const kind = classAt(text, at, to);
  if (kind === letter) return lettersEnd(text, at, to);
  if (kind === digit) return digitsEnd(text, at, to);
  if (unit === apostrophe) {
    const end = contractionEnd(text, at, to);
    if (end > at) return end;
  }
  if (kind === lineEnd) return spaceEnd(text, at, to);
  const after = at + widthAt(text, at, to);
  if (after < to && classAt(text, after, to) === letter) return lettersEnd(text, after, to);
  if (kind === other) return marksEnd(text, at, to);
  if (unit === space && after < to && classAt(text, after, to) === other) return marksEnd(text, after, to);
  return spaceEnd(text, at, to);
}

const apostrophe = 0x27;
const space = 0x20;

function classAt(text: string, at: number, to: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdfff) return classOf[unit] ?? other;
  return widthAt(text, at, to) === 2 ? astralClass(text, at) : other;
}

function widthAt(text: string, at: number, to: number): number {
  return isHigh(text.charCodeAt(at)) && at + 1 < to && isLow(text.charCodeAt(at + 1)) ? 2 : 1;
}

function runEnd(text: string, from: number, to: number, kind: number, most = Number.POSITIVE_INFINITY): number {
  let at = from;
  for (let taken = 0; at < to && taken < most && classAt(text, at, to) === kind; taken += 1)
    at += widthAt(text, at, to);
  return at;
}

function lettersEnd(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && classOf[text.charCodeAt(at)] === letter) at += 1;
  return at < to && isHigh(text.charCodeAt(at)) ? runEnd(text, at, to, letter) : at;
}

function digitsEnd(text: string, from: number, to: number): number {
  return runEnd(text, from, to, digit, 3);
}

function marksEnd(text: string, from: number, to: number): number {
  let at = runEnd(text, from, to, other);
  while (at < to && classOf[text.charCodeAt(at)] === lineEnd) at += 1;
  return at;
}

/** `\s+$`, else through the last line end of the run, else all but the last blank, else one. */
function spaceEnd(text: string, from: number, to: number): number {
  let at = from;
  let afterLineEnd = -1;
  for (; at < to; at += 1) {
    const kind = classOf[text.charCodeAt(at)];
    if (kind === lineEnd) afterLineEnd = at + 1;
    else if (kind !== blank) break;
  }
  if (at >= to) return to;
  if (afterLineEnd > 0) return afterLineEnd;
  return at - from > 1 ? at - 1 : from + 1;
}

/** Past `'s`, `'d`, `'m`, `'t`, `'ll`, `'ve` or `'re` in either case, or `at` when none is there. */
function contractionEnd(text: string, at: number, to: number): number {
  const first = at + 1 < to ? lower(text.charCodeAt(at + 1)) : 0;
  if (first === 0x73 || first === 0x64 || first === 0x6d || first === 0x74) return at + 2;
  const second = at + 2 < to ? lower(text.charCodeAt(at + 2)) : 0;
  if (first === 0x6c && second === 0x6c) return at + 3;
  if ((first === 0x76 || first === 0x72) && second === 0x65) return at + 3;
  return at;
}

function lower(unit: number): number {
  return unit >= 0x41 && unit <= 0x5a ? unit + 0x20 : unit;
}

/** How many code units the first `bytes` UTF-8 bytes of a text fill; a character cut by the limit is left out. */
function charsOfBytes(text: string, bytes: number): number {
  let left = bytes;
  let at = 0;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    const wide = isHigh(unit) && isLow(text.charCodeAt(at + 1));
    const size = wide ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    if (size > left) break;
    left -= size;
    at += wide ? 2 : 1;
  }
  return at;
}
