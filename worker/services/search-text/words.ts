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
/** The same words of text in ASCII and lower case, which Unicode's classes take twice as long to find. */
const asciiWord = /[a-z0-9]+(?:'[a-z]+)*/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the question is whether all is ASCII.
const onlyAscii = /^[\u0000-\u007f]*$/;
/** What stands in scripts without spaces; the rest of a word is left whole. */
const scripts =
  /(?<han>[\p{Script=Han}\u3005\u3007]+)|(?<katakana>[\p{Script=Katakana}\u30fc]+)|(?<other>[\p{Script=Hiragana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{M}]+)|(?<spaced>[^\p{Script=Han}\u3005\u3007\p{Script=Katakana}\p{Script=Hiragana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\u30fc]+)/gu;
/** Any character of a script without spaces. */
const unspaced = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\ud840-\ud8bf]/;

/** Hands on each word of the text, in NFKC and lower case, in order, stop words too. */
function eachWord(original: string, take: (word: string, han: boolean) => void): void {
  if (onlyAscii.test(original)) {
    for (const word of original.toLowerCase().match(asciiWord) ?? []) take(word, false);
    return;
  }
  const text = normal(original);
  const found = text.match(spacedWord) ?? [];
  const mixed = unspaced.test(text);
  for (const word of found) {
    if (mixed && unspaced.test(word)) eachUnspacedWord(word, take);
    else take(word, false);
  }
}

function eachUnspacedWord(run: string, take: (word: string, han: boolean) => void): void {
  for (const { groups } of run.matchAll(scripts)) {
    if (groups?.han) for (const word of hanWords(groups.han)) take(word, true);
    else if (groups?.other) for (const word of otherWords(groups.other)) take(word, false);
    else take(groups?.katakana ?? groups?.spaced ?? '', false);
  }
}

function normal(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** The first character of a script without spaces. */
const firstUnspaced = 0x0e00;
const kana = /^\p{Script=Hiragana}$/u;

/** False of stop words and of the single kana that are Japanese's particles and endings. */
function tells(word: string): boolean {
  return word !== '' && !stopWords.has(word) && (word.charCodeAt(0) < firstUnspaced || !kana.test(word));
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
  eachWord(text, (word, han) => {
    total += 1;
    const form = searchForm(word);
    if (!tells(word) || (form !== word && !tells(form))) return;
    search.push(form);
    if (han && form.length > 2) search.push(...pairsOf(form));
    counts.set(form, (counts.get(form) ?? 0) + 1);
  });
  return { search, counts, total };
}

/** Longest part of a word that counts for its score, in UTF-16 code units. */
const maxScoredChars = 24;

function best(counts: ReadonlyMap<string, number>, max: number): string[] {
  const chosen: { word: string; score: number }[] = [];
  for (const [word, count] of counts) {
    const score = scoreOf(word, count);
    const least = chosen.length < max ? 0 : (chosen.at(-1)?.score ?? Number.POSITIVE_INFINITY);
    if (score <= least) continue;
    if (chosen.length === max) chosen.pop();
    const place = chosen.findIndex((other) => other.score < score);
    chosen.splice(place < 0 ? chosen.length : place, 0, { word, score });
  }
  return chosen.map(({ word }) => word);
}

/**
 * How telling a word is; 0 for one that is no keyword. Its length stands in for its rarity, of which nothing is known here;
 * a CJK character says as much as three letters.
 */
function scoreOf(word: string, count: number): number {
  const wide = word.charCodeAt(0) >= firstUnspaced && unspaced.test(word);
  if (word.length < (wide ? 2 : 3) || /^\p{N}+$/u.test(word)) return 0;
  return count * Math.log2(1 + Math.min(word.length, maxScoredChars) * (wide ? 3 : 1));
}
