/** Tidying text and cutting it into blocks. */
import { type Block, maxBlockChars } from '../document.ts';

/** Line ends of all kinds, then controls and noncharacters that no text needs; tab and \n stay. */
const unwanted = /\r\n?|[\u0085\u2028\u2029\f\v]|[^\P{Cc}\t\n]|[\ufeff\ufffe\uffff]/gu;
/** Whether there is any: the same characters as ranges, which are found several times faster than Unicode's classes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const anyUnwanted = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/;
const lineEnds = new Set(['\r\n', '\r', '\u0085', '\u2028', '\u2029', '\f', '\v']);

/** Line ends become \n; control characters and noncharacters go, but for tab. */
export function tidy(text: string): string {
  if (!anyUnwanted.test(text)) return text;
  return text.replace(unwanted, (found) => (lineEnds.has(found) ? '\n' : ''));
}

/** As `tidy`, over pieces: a \r\n that is cut in two stays one line end. */
export async function* tidied(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let held = '';
  for await (const piece of pieces) {
    let text = held + piece;
    held = '';
    if (text.endsWith('\r')) {
      held = '\r';
      text = text.slice(0, -1);
    }
    if (text !== '') yield tidy(text);
  }
  if (held !== '') yield '\n';
}

/** Runs of white space become one space; for text whose line ends mean nothing. */
export function collapse(text: string): string {
  return text.replace(/[ \t\n\r\f\u00a0]+/g, ' ').trim();
}

/** An index at or before `limit` where `text` can be cut without splitting a character in two. */
export function safeCut(text: string, limit: number): number {
  if (limit >= text.length) return text.length;
  const before = text.charCodeAt(limit - 1);
  return before >= 0xd800 && before <= 0xdbff && limit > 1 ? limit - 1 : limit;
}

/** Where to cut a text that is longer than `limit`: after its last line end, else its last space, else anywhere. */
export function niceCut(text: string, limit: number): number {
  if (text.length <= limit) return text.length;
  const line = text.lastIndexOf('\n', limit - 1);
  if (line > limit / 2) return line + 1;
  const space = text.lastIndexOf(' ', limit - 1);
  if (space > limit / 2) return space + 1;
  return safeCut(text, limit);
}

/** A block as it is, or, where it is longer than `maxBlockChars`, as several that go on from one another. */
export function* cutBlock(block: Block): Generator<Block> {
  if (block.text.length <= maxBlockChars) {
    yield block;
    return;
  }
  let rest = block.text;
  let continued = block.continued === true;
  while (rest !== '') {
    const end = niceCut(rest, maxBlockChars);
    yield { ...block, text: rest.slice(0, end), ...(continued ? { continued } : {}) };
    rest = rest.slice(end);
    continued = true;
  }
}

/** Joins the cells of a table row: "Header: value; Header: value" where there is a header, else "value | value". */
export function rowText(cells: readonly string[], header: readonly string[] | undefined): string {
  const parts: string[] = [];
  for (const [at, cell] of cells.entries()) {
    const value = cell.trim();
    if (header === undefined) parts.push(value);
    else if (value !== '') parts.push(`${header[at] || `Column ${at + 1}`}: ${value}`);
  }
  if (header !== undefined) return parts.join('; ');
  while (parts.at(-1) === '') parts.pop();
  return parts.some((part) => part !== '') ? parts.join(' | ') : '';
}
