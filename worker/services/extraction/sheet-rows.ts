import type { Block } from '../document.ts';
import { type Attributes, local, type XmlHandler } from './sax.ts';
import { cutBlock, rowText, tidy } from './text.ts';
import { type NumberFormat, shown } from './workbook.ts';

/** Columns a sheet has at most in Excel (XFD): a higher reference is damage. */
const maxColumns = 16_384;

/** Reads a worksheet's rows as they stream by. */
export class SheetRows implements XmlHandler {
  readonly #sheet: string;
  readonly #strings: readonly string[];
  readonly #formats: readonly NumberFormat[];
  readonly #from1904: boolean;
  #out: Block[] = [];
  #header: string[] | undefined;
  #rows = 0;
  #cells: string[] = [];
  #column = -1;
  #type = '';
  #style = 0;
  #value = '';
  #inValue = false;
  #phonetic = 0;

  constructor(sheet: string, strings: readonly string[], formats: readonly NumberFormat[], from1904: boolean) {
    this.#sheet = sheet;
    this.#strings = strings;
    this.#formats = formats;
    this.#from1904 = from1904;
  }

  taken(): Block[] {
    const taken = this.#out;
    this.#out = [];
    return taken;
  }

  /** A sheet of one row has no header: that row is its content. */
  end(): Block[] {
    if (this.#rows === 0 && this.#header !== undefined) this.#push(rowText(this.#header, undefined));
    return this.taken();
  }

  open(tag: string, attributes: Attributes): void {
    switch (tag.includes(':') ? local(tag) : tag) {
      case 'c': {
        const reference = attributes.r;
        this.#column = reference === undefined ? this.#column + 1 : columnOf(reference);
        this.#type = attributes.t ?? 'n';
        this.#style = Number(attributes.s ?? 0);
        this.#value = '';
        break;
      }
      case 'v':
        this.#inValue = true;
        break;
      case 't':
        this.#inValue = this.#phonetic === 0;
        break;
      case 'rPh':
        this.#phonetic += 1;
        break;
      case 'row':
        this.#cells = [];
        this.#column = -1;
        break;
    }
  }

  close(tag: string): void {
    switch (tag.includes(':') ? local(tag) : tag) {
      case 'v':
      case 't':
        this.#inValue = false;
        break;
      case 'rPh':
        this.#phonetic -= 1;
        break;
      case 'c':
        this.#endCell();
        break;
      case 'row':
        this.#endRow();
        break;
    }
  }

  text(data: string): void {
    if (this.#inValue) this.#value += data;
  }

  #endCell(): void {
    if (this.#value === '' || this.#column < 0 || this.#column >= maxColumns) return;
    while (this.#cells.length < this.#column) this.#cells.push('');
    this.#cells[this.#column] = tidy(this.#text());
  }

  #text(): string {
    switch (this.#type) {
      case 's':
        return this.#strings[Number(this.#value)] ?? '';
      case 'b':
        return this.#value === '1' ? 'TRUE' : 'FALSE';
      case 'n':
        return shown(this.#value, this.#formats[this.#style] ?? 'number', this.#from1904);
      default:
        return this.#value;
    }
  }

  #endRow(): void {
    const cells = this.#cells;
    this.#cells = [];
    if (cells.every((cell) => cell.trim() === '')) return;
    if (this.#header === undefined) {
      this.#header = cells.map((cell) => cell.trim());
      return;
    }
    this.#rows += 1;
    this.#push(rowText(cells, this.#header));
  }

  #push(text: string): void {
    if (text !== '') this.#out.push(...cutBlock({ kind: 'row', text, section: this.#sheet }));
  }
}

/** "AB12" -> 27. */
function columnOf(reference: string): number {
  let column = 0;
  for (let at = 0; at < reference.length; at += 1) {
    const letter = reference.charCodeAt(at) - 64;
    if (letter < 1 || letter > 26) break;
    column = column * 26 + letter;
  }
  return column - 1;
}
