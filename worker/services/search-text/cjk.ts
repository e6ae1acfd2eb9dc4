/** Cuts runs of text that has no spaces between words. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Jieba } from '@node-rs/jieba';

/** Text given to the dictionary at a time, in UTF-16 code units. */
const maxRunChars = 4_096;

let jieba: Jieba | undefined;

/**
 * The dictionary takes 0.2 s and 45 MB, so it is loaded with the first Chinese character and by no other text. It is a
 * constant of the process in all but time, hence the module's own.
 */
function dictionary(): Jieba {
  if (jieba) return jieba;
  const require = createRequire(import.meta.url);
  const library: typeof import('@node-rs/jieba') = require('@node-rs/jieba');
  // The package's own `dict` module would also read the 6 MB of its other table.
  jieba = library.Jieba.withDict(readFileSync(require.resolve('@node-rs/jieba/dict.txt')));
  return jieba;
}

/** Words of a run of Han characters, in order. */
export function hanWords(run: string): string[] {
  if (run.length === 1) return [run];
  const words: string[] = [];
  for (let at = 0; at < run.length; at += maxRunChars) {
    words.push(...dictionary().cut(run.slice(at, at + maxRunChars), true));
  }
  return words;
}

let segmenter: Intl.Segmenter | undefined;

/** Words of a run in a script without spaces that jieba does not know: hiragana, Thai, Lao, Khmer, Burmese. */
export function otherWords(run: string): string[] {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'word' });
  return Array.from(segmenter.segment(run), ({ segment }) => segment);
}
