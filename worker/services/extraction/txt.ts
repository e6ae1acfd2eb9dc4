import { type Block, maxBlockChars } from '../document.ts';
import { decode } from './encoding.ts';
import type { Extractor, ExtractSource } from './extractor.ts';
import { unsupportedDocument } from './faults.ts';
import { niceCut, tidied } from './text.ts';

/** The text of a source as a tidied stream. */
export function textOf(source: ExtractSource): AsyncIterable<string> {
  if (source.encoding === undefined) throw unsupportedDocument('A file that is no text');
  return tidied(decode(source.bytes, source.encoding));
}

/** The text as it is, cut where it must be: nothing is added, nothing but control characters is lost. */
export const txt: Extractor = {
  format: 'txt',
  async extract(source) {
    const text = textOf(source);
    return {
      metadata: { format: 'txt', ...(source.encoding === undefined ? {} : { encoding: source.encoding.encoding }) },
      blocks: verbatim(text),
    };
  },
};

async function* verbatim(pieces: AsyncIterable<string>): AsyncGenerator<Block> {
  let held = '';
  let continued = false;
  for await (const piece of pieces) {
    held += piece;
    while (held.length > maxBlockChars) {
      const end = niceCut(held, maxBlockChars);
      yield { kind: 'text', text: held.slice(0, end), ...(continued ? { continued } : {}) };
      held = held.slice(end);
      continued = true;
    }
  }
  if (held !== '') yield { kind: 'text', text: held, ...(continued ? { continued } : {}) };
}
