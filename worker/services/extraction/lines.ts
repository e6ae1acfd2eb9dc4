import { maxBlockChars } from '../document.ts';
import { safeCut } from './text.ts';

/**
 * Cuts decoded text into lines, a batch for each piece that came. Every line keeps its \n, so that joining them gives the
 * text again; a line longer than `maxBlockChars` comes in several pieces, of which only the last has the \n.
 */
export async function* lineBatches(pieces: AsyncIterable<string>): AsyncGenerator<string[]> {
  let rest = '';
  for await (const piece of pieces) {
    const text = rest + piece;
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      pushBounded(lines, text.slice(start, end + 1));
      start = end + 1;
    }
    rest = text.slice(start);
    while (rest.length > maxBlockChars) {
      const end = safeCut(rest, maxBlockChars);
      lines.push(rest.slice(0, end));
      rest = rest.slice(end);
    }
    if (lines.length > 0) yield lines;
  }
  if (rest !== '') yield [rest];
}

function pushBounded(lines: string[], line: string): void {
  let rest = line;
  while (rest.length > maxBlockChars) {
    const end = safeCut(rest, maxBlockChars);
    lines.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  lines.push(rest);
}
