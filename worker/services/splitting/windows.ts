/**
 * Blocks as windows: the same text, cut anew at places that depend on the text alone.
 *
 * A long run of text arrives as blocks cut wherever the reader's buffer ended (`continued`). Cleaning looks at patterns
 * that would straddle such cuts, so runs are put together again and cut at fixed places where no pattern straddles. What
 * follows is then the same however the blocks were cut.
 */
import type { Block } from '../document.ts';
import { blank, classOf, lineEnd } from './char-class.ts';

/** Longest window, in UTF-16 code units. With one block, all that is held here. */
export const maxWindowChars = 32_768;

export interface TextWindow {
  readonly kind: Block['kind'];
  readonly text: string;
  readonly page: number | undefined;
  readonly section: string | undefined;
  /** True of the first window of a run, which a separator sets off from the run before. */
  readonly starts: boolean;
}

/** Puts continued blocks together and cuts them into windows. */
export async function* windowsOf(blocks: AsyncIterable<Block> | Iterable<Block>): AsyncGenerator<TextWindow> {
  let run: { block: Block; text: string; starts: boolean } | undefined;
  for await (const block of blocks) {
    if (run && block.continued === true) {
      run.text += block.text;
    } else {
      if (run) yield windowOf(run, run.text);
      run = { block, text: block.text, starts: true };
    }
    while (run.text.length > maxWindowChars) {
      const end = windowEnd(run.text);
      yield windowOf(run, run.text.slice(0, end));
      run = { block: run.block, text: run.text.slice(end), starts: false };
    }
  }
  if (run) yield windowOf(run, run.text);
}

function windowOf(run: { block: Block; starts: boolean }, text: string): TextWindow {
  return { kind: run.block.kind, text, page: run.block.page, section: run.block.section, starts: run.starts };
}

/** Where the first window of a longer text ends: after its last line, else after its last word, else where it must. */
function windowEnd(text: string): number {
  let word = 0;
  for (let at = maxWindowChars; at > 0; at -= 1) {
    if (isSpace(text.charCodeAt(at)) || !isSpace(text.charCodeAt(at - 1))) continue;
    if (text.charAt(at - 1) === '\n') return at;
    word ||= at;
  }
  if (word > 0) return word;
  return /[\ud800-\udbff<|]/.test(text.charAt(maxWindowChars - 1)) ? maxWindowChars - 1 : maxWindowChars;
}

function isSpace(unit: number): boolean {
  const kind = classOf[unit];
  return kind === blank || kind === lineEnd;
}
