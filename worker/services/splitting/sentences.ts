/** Where sentences, clauses, words and characters as people see them end, in text of any script. */
import { blank, classOf, isHigh, isLow, letter, lineEnd } from './char-class.ts';

const closers = new Set('"\')]}»”’」』）】》〉〕｝］');
/** End a sentence wherever they stand: scripts that put no space after them. */
const wideEnds = new Set('。！？；｡︒…');
/** End a sentence when white space follows. */
const spacedEnds = new Set('.!?‽؟۔।॥։።។၊။');
const wideClauses = new Set('，、：､');
const spacedClauses = new Set(',;:');

/** Words with a full stop that ends no sentence, in the languages met most. Lower case. */
const abbreviations = new Set(
  (
    'mr mrs ms dr prof st sr jr gen col sgt capt lt rev hon vs cf al fig figs eq eqs sec ch vol no nos pp ed eds approx dept ' +
    'est inc ltd co corp e.g i.e a.m p.m u.s bzw ca evtl ggf inkl nr str usw vgl z.b d.h u.a mme mlle etc. av sra srta ud uds'
  ).split(' '),
);

export function isSpace(unit: number): boolean {
  const kind = classOf[unit];
  return kind === blank || kind === lineEnd;
}

/** True when a sentence ends right before `at`. */
export function isSentenceEnd(text: string, at: number): boolean {
  let last = at - 1;
  while (last > 0 && closers.has(text.charAt(last))) last -= 1;
  const mark = text.charAt(last);
  const next = text.charAt(at);
  if (wideEnds.has(mark)) return !wideEnds.has(next) && !closers.has(next);
  if (!spacedEnds.has(mark) || (next !== '' && !isSpace(next.charCodeAt(0)))) return false;
  return mark !== '.' || endsWithFullStop(text, last, at);
}

/** True when the full stop ends a sentence: no abbreviation, no initial, no number of a list, no small letter after it. */
function endsWithFullStop(text: string, stop: number, at: number): boolean {
  let from = stop;
  while (from > 0 && stop - from < 12 && !isSpace(text.charCodeAt(from - 1))) from -= 1;
  const word = text.slice(from, stop).replace(/^[("'[]+/, '');
  if (word.length === 1 && classOf[word.charCodeAt(0)] === letter) return false;
  if (/^\d{1,3}$/.test(word) && (from === 0 || text.charAt(from - 1) === '\n')) return false;
  if (abbreviations.has(word.toLowerCase())) return false;
  let next = at;
  while (next < text.length && next - at < 8 && isSpace(text.charCodeAt(next))) next += 1;
  return !/\p{Ll}/u.test(text.charAt(next));
}

/** True when a clause ends right before `at`. */
export function isClauseEnd(text: string, at: number): boolean {
  const mark = text.charAt(at - 1);
  return wideClauses.has(mark) || (spacedClauses.has(mark) && isSpace(text.charCodeAt(at)));
}

/** Text around a place that is looked at to find where its word begins, in UTF-16 code units. */
const lookBackChars = 256;
const lookAheadChars = 64;

/** Finds the beginnings of words and characters by Unicode's rules (UAX 29) and, for scripts without spaces, dictionaries. */
export class Boundaries {
  readonly #words: Intl.Segmenter;
  readonly #characters: Intl.Segmenter;

  /** @param language BCP 47; one that is unknown or malformed counts as none. */
  constructor(language?: string) {
    const locale = knownLocale(language);
    this.#words = new Intl.Segmenter(locale, { granularity: 'word' });
    this.#characters = new Intl.Segmenter(locale, { granularity: 'grapheme' });
  }

  /** The last place in (after, at] where a word begins, or -1. */
  wordBefore(text: string, after: number, at: number): number {
    return this.#before(this.#words, text, after, at);
  }

  /** The last place in (after, at] that cuts no character, or -1. */
  characterBefore(text: string, after: number, at: number): number {
    return this.#before(this.#characters, text, after, at);
  }

  /** The first place in [at, before) where a word begins that is no white space, or -1. */
  wordAfter(text: string, at: number, before: number): number {
    const from = Math.max(0, at - lookAheadChars);
    const to = Math.min(text.length, at + lookAheadChars);
    for (const { index, segment } of this.#words.segment(text.slice(from, to))) {
      const place = from + index;
      if (place >= before) return -1;
      if (place >= at && index > 0 && segment.trim() !== '') return place;
    }
    return -1;
  }

  /** The first place at or after `at` that cuts no character. */
  characterAfter(text: string, at: number): number {
    const from = Math.max(0, at - lookAheadChars);
    const start = isLow(text.charCodeAt(from)) ? from + 1 : from;
    const found = this.#characters.segment(text.slice(start, at + lookBackChars)).containing(at - start);
    if (!found || start + found.index === at) return at;
    return start + found.index + found.segment.length;
  }

  #before(segmenter: Intl.Segmenter, text: string, after: number, at: number): number {
    if (at >= text.length) return text.length;
    const from = Math.max(0, at - lookBackChars);
    const start = isLow(text.charCodeAt(from)) ? from + 1 : from;
    const found = segmenter.segment(text.slice(start, at + lookAheadChars)).containing(at - start);
    const place = found ? start + found.index : -1;
    return place > after && place > start ? place : -1;
  }
}

/** `at`, or one less where that would cut a surrogate pair. */
export function outsidePair(text: string, at: number): number {
  return at > 0 && isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1)) ? at - 1 : at;
}

function knownLocale(language: string | undefined): string | undefined {
  if (language === undefined) return undefined;
  try {
    return Intl.Segmenter.supportedLocalesOf(language)[0];
  } catch {
    return undefined;
  }
}
