/**
 * The words a text is found by. Documents and queries go through the same function, so that they meet.
 *
 * The result is meant for Postgres' `to_tsvector('simple', …)` and `to_tsquery`: words of letters and digits only, one
 * space between them.
 */
import { hanWords, otherWords } from './cjk.ts';
import { stopWords } from './stop-words.ts';

/** Longest word kept, in UTF-16 code units; longer ones are cut to it. Postgres refuses words of 2 KB. */
export const maxWordChars = 128;
/** Longest text for search, in UTF-16 code units: in UTF-8 below the 1 MB that Postgres allows a tsvector. */
export const maxSearchTextChars = 250_000;

/** Letters and digits with their marks; an apostrophe inside a word belongs to it. */
const spacedWord = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:['\u2019][\p{L}\p{M}]+)*/gu;
/** What stands in scripts without spaces; the rest of a word is left whole. */
const scripts =
  /(?<han>[\p{Script=Han}\u3005\u3007]+)|(?<katakana>[\p{Script=Katakana}\u30fc]+)|(?<other>[\p{Script=Hiragana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{M}]+)|(?<spaced>[^\p{Script=Han}\u3005\u3007\p{Script=Katakana}\p{Script=Hiragana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\u30fc]+)/gu;
/** No character at or above this in a text: no script without spaces in it (Thai is the first). */
const unspaced = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\ud840-\ud8bf]/;

/** Each word of the text as it is, in order, stop words too. */
function* everyWord(text: string): Generator<{ readonly word: string; readonly han: boolean }> {
  for (const [found] of text.matchAll(spacedWord)) {
    if (!unspaced.test(found)) {
      yield { word: found, han: false };
      continue;
    }
    for (const { groups } of found.matchAll(scripts)) {
      if (groups?.han) for (const word of hanWords(groups.han)) yield { word, han: true };
      else if (groups?.other) for (const word of otherWords(groups.other)) yield { word, han: false };
      else yield { word: groups?.katakana ?? groups?.spaced ?? '', han: false };
    }
  }
}

function normal(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

const kana = /^[\p{Script=Hiragana}]$/u;

/** False of stop words and of the single kana that are Japanese's particles and endings. */
function tells(word: string): boolean {
  return word !== '' && !stopWords.has(word) && !kana.test(word);
}

/** The form that is searched: without apostrophes and the English possessive, cut to its longest. */
function searchForm(word: string): string {
  const plain =
    word.includes("'") || word.includes('\u2019') ? word.replace(/['\u2019]s$/, '').replace(/['\u2019]/g, '') : word;
  return plain.length > maxWordChars ? plain.slice(0, maxWordChars).toWellFormed() : plain;
}

/** Parts of two characters of a long Chinese word, so that 图书 finds 图书馆. */
function pairsOf(word: string): string[] {
  const characters = Array.from(word);
  return characters.length < 3 ? [] : characters.slice(1).map((character, index) => `${characters[index]}${character}`);
}

/** Words to search by, in order, with repeats: NFKC, lower case, without stop words and punctuation, CJK cut into words. */
export function searchWords(text: string): string[] {
  return collect(text).search;
}

/** The most telling words, best first: frequent ones, longer before shorter, earlier before later. */
export function keywords(text: string, max = 10): string[] {
  return best(collect(text).counts, max);
}

/** Words in the text; a CJK word counts as one. */
export function countWords(text: string): number {
  return collect(text).total;
}

/** What a segment says of its words. */
export interface WordSummary {
  readonly wordCount: number;
  readonly searchText: string;
  readonly keywords: readonly string[];
}

/** All of the above in one pass. */
export function analyse(text: string): WordSummary {
  const { search, counts, total } = collect(text);
  let searchText = search.join(' ');
  if (searchText.length > maxSearchTextChars) {
    searchText = searchText.slice(0, searchText.lastIndexOf(' ', maxSearchTextChars));
  }
  return { wordCount: total, searchText, keywords: best(counts, 10) };
}

function collect(text: string): { search: string[]; counts: Map<string, number>; total: number } {
  const search: string[] = [];
  const counts = new Map<string, number>();
  let total = 0;
  for (const { word, han } of everyWord(normal(text))) {
    total += 1;
    const form = tells(word) ? searchForm(word) : '';
    if (!tells(form)) continue;
    search.push(form);
    if (han) search.push(...pairsOf(form));
    counts.set(form, (counts.get(form) ?? 0) + 1);
  }
  return { search, counts, total };
}

function best(counts: ReadonlyMap<string, number>, max: number): string[] {
  const scored: { word: string; score: number }[] = [];
  for (const [word, count] of counts) {
    const length = [...word.slice(0, 24)].length;
    const wide = unspaced.test(word);
    if (length < (wide ? 2 : 3) || /^\p{N}+$/u.test(word)) continue;
    // A word's length stands in for its rarity, of which nothing is known here; a CJK character says as much as three letters.
    scored.push({ word, score: count * Math.log2(1 + length * (wide ? 3 : 1)) });
  }
  return scored
    .sort((left, right) => right.score - left.score)
    .slice(0, max)
    .map(({ word }) => word);
}
