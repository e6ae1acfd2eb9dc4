/** What the benchmark asks of a runner (`ours.ts`, `peer.py`) and what it answers. */

/**
 * - `extract`: the files' text, nothing else.
 * - `split`: text files cut into pieces of so many tokens of cl100k_base, exactly counted.
 * - `split_characters`: the same, but Python's pieces are of so many characters.
 * - `whole`: files to segments. Python: text, then pieces. Millrace: also cleaning, tokens, words and keywords.
 * - `check`: as `extract`, untimed; answers with prints of the texts.
 */
export type Work = 'extract' | 'split' | 'split_characters' | 'whole' | 'check';

export interface Request {
  readonly work: Work;
  readonly files: readonly string[];
  /** 1: in the runner itself. 2: two processes beside it, one file at a time each, or the pages of a single PDF. */
  readonly processes: 1 | 2;
}

export interface Answer {
  readonly seconds: number;
  /** Characters of text (code points), white space left out of a `check`. */
  readonly chars: number;
  /** Pieces or segments. */
  readonly pieces: number;
  /** Of a `check`: SHA-256 of each file's text without white space, in the order asked. */
  readonly prints: readonly string[];
}
