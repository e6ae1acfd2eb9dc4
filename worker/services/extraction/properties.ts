import type { Block } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { lineBatches } from './lines.ts';
import { cutBlock } from './text.ts';
import { textOf } from './txt.ts';

/** A logical line longer than this is not joined further, in characters. */
const maxLogicalChars = 1_000_000;

/** Java properties: "key: value" a line, escapes read, comments dropped, lines that go on joined. */
export const properties: Extractor = {
  format: 'properties',
  async extract(source) {
    async function* blocks(): AsyncGenerator<Block> {
      let held = '';
      for await (const lines of lineBatches(textOf(source))) {
        for (const line of lines) {
          const natural = line.replace(/\n$/, '').replace(/^[ \t\f]+/, '');
          if (held === '' && (natural === '' || natural.startsWith('#') || natural.startsWith('!'))) continue;
          held += natural;
          if (goesOn(held) && held.length < maxLogicalChars) {
            held = held.slice(0, -1);
            continue;
          }
          yield* entry(held);
          held = '';
        }
      }
      if (held !== '') yield* entry(held);
    }
    return {
      metadata: {
        format: 'properties',
        ...(source.encoding === undefined ? {} : { encoding: source.encoding.encoding }),
      },
      blocks: blocks(),
    };
  },
};

/** An odd number of backslashes at the end joins the next line. */
function goesOn(line: string): boolean {
  return ((/\\+$/.exec(line)?.[0].length ?? 0) & 1) === 1;
}

function* entry(line: string): Generator<Block> {
  const parts = /^((?:[^\\:= \t\f]|\\[\s\S])*)[ \t\f]*[:=]?[ \t\f]*([\s\S]*)$/.exec(line);
  const key = withoutEscapes(parts?.[1] ?? line);
  const value = withoutEscapes(parts?.[2] ?? '');
  const text = value === '' ? key : `${key}: ${value}`;
  if (text.trim() !== '') yield* cutBlock({ kind: 'row', text });
}

const named: Record<string, string> = { n: '\n', t: '\t', r: '\n', f: '\n' };

function withoutEscapes(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(
    /\\(?:u+([0-9a-fA-F]{4})|([\s\S]))/g,
    (_whole, hex: string | undefined, other: string | undefined) =>
      hex === undefined ? (named[other ?? ''] ?? other ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
