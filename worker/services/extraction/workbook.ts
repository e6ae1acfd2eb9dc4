import { tooLargeDocument } from './faults.ts';
import { local, readXml } from './sax.ts';
import type { ZipFile } from './zip.ts';

/** How a cell's number is shown. */
export type NumberFormat = 'number' | 'percent' | 'date' | 'time' | 'datetime';

/** Characters of all shared strings together: they stand in memory while the sheets are read. */
const maxSharedChars = 128 * 1024 * 1024;

/** The texts that cells point to, phonetic readings left out. */
export async function readSharedStrings(zip: ZipFile, name: string): Promise<string[]> {
  const strings: string[] = [];
  let current = '';
  let inText = false;
  let phonetic = 0;
  let chars = 0;
  await readXml(zip, name, {
    open(tag) {
      const part = local(tag);
      if (part === 'si') current = '';
      else if (part === 'rPh') phonetic += 1;
      else if (part === 't') inText = phonetic === 0;
    },
    close(tag) {
      const part = local(tag);
      if (part === 'si') strings.push(current);
      else if (part === 'rPh') phonetic -= 1;
      else if (part === 't') inText = false;
    },
    text(data) {
      if (!inText) return;
      current += data;
      chars += data.length;
      if (chars > maxSharedChars) throw tooLargeDocument('The workbook holds more text than can be read at once.');
    },
  });
  return strings;
}

/** The number format of each cell style, by its index. Built-in ids as in ECMA-376 part 1, 18.8.30. */
export async function readFormats(zip: ZipFile, name: string): Promise<NumberFormat[]> {
  const custom = new Map<number, NumberFormat>();
  const formats: NumberFormat[] = [];
  let inCells = false;
  await readXml(zip, name, {
    open(tag, attributes) {
      const part = local(tag);
      const id = Number(attributes.numFmtId ?? 0);
      if (part === 'numFmt') custom.set(id, ofCode(attributes.formatCode ?? ''));
      else if (part === 'cellXfs') inCells = true;
      else if (part === 'xf' && inCells) formats.push(custom.get(id) ?? builtIn(id));
    },
    close(tag) {
      if (local(tag) === 'cellXfs') inCells = false;
    },
  });
  return formats;
}

function builtIn(id: number): NumberFormat {
  if (id === 9 || id === 10) return 'percent';
  if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id === 36 || (id >= 50 && id <= 58)) return 'date';
  if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || (id >= 45 && id <= 47)) return 'time';
  return id === 22 ? 'datetime' : 'number';
}

/** A format code's first section decides; quoted text, escapes, colours and locales in it say nothing. */
function ofCode(code: string): NumberFormat {
  const bare = (code.split(';')[0] ?? '').replace(/"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]/gi, '');
  if (/general/i.test(bare)) return 'number';
  const date = /[yd]/i.test(bare) || /(?:^|[^hs:\]])m{3,}/i.test(bare);
  const time = /[hs]/i.test(bare);
  if (date) return time ? 'datetime' : 'date';
  if (time) return 'time';
  return bare.includes('%') ? 'percent' : 'number';
}

const dayMs = 86_400_000;
const epoch1900 = Date.UTC(1899, 11, 30);
const epoch1904 = Date.UTC(1904, 0, 1);

/** A stored number as a person reads it: no binary dust, dates as ISO 8601. */
export function shown(raw: string, format: NumberFormat, from1904: boolean): string {
  const number = Number(raw);
  if (raw.trim() === '' || !Number.isFinite(number)) return raw;
  if (format === 'number') return plainNumber(number);
  if (format === 'percent') return `${plainNumber(number * 100)}%`;
  const at = new Date((from1904 ? epoch1904 : epoch1900) + Math.round(number * 86_400) * 1000);
  if (Number.isNaN(at.getTime()) || Math.abs(number) * dayMs > 1e15) return plainNumber(number);
  const [day = '', clock = ''] = at.toISOString().slice(0, 19).split('T');
  if (format === 'time' && Math.abs(number) < 1) return clock;
  return Number.isInteger(number) ? day : `${day} ${clock}`;
}

function plainNumber(number: number): string {
  return String(Number(number.toPrecision(15)));
}
