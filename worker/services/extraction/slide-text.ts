import type { Block } from '../document.ts';
import { type Attributes, local, type XmlHandler } from './sax.ts';
import { cutBlock, rowText, tidy } from './text.ts';

/** Placeholders that repeat on every slide. */
const furniture = new Set(['sldNum', 'dt', 'ftr', 'hdr']);

/** Reads DrawingML: each shape is one block, its paragraphs lines of it; a title shape is a heading. */
export class SlideText implements XmlHandler {
  readonly #page: number;
  readonly #notes: boolean;
  #out: Block[] = [];
  #placeholder = '';
  #lines: string[] = [];
  #line = '';
  #level = 0;
  #inText = false;
  #unread = 0;
  #cells: string[] = [];
  #header: string[] | undefined;
  #headed = false;
  #rows = 0;
  #inCell = false;

  /** With `notes` set it reads a notes page: of it the notes only. */
  constructor(page: number, notes: boolean) {
    this.#page = page;
    this.#notes = notes;
  }

  taken(): Block[] {
    const taken = this.#out;
    this.#out = [];
    return taken;
  }

  open(tag: string, attributes: Attributes): void {
    const name = local(tag);
    if (this.#unread > 0 || name === 'Fallback') {
      this.#unread += 1;
      return;
    }
    switch (name) {
      case 'sp':
      case 'pt':
        this.#placeholder = '';
        this.#lines = [];
        break;
      case 'ph':
        this.#placeholder = attributes.type ?? 'body';
        break;
      case 'p':
        this.#line = '';
        this.#level = 0;
        break;
      case 'pPr':
        this.#level = Math.min(8, Number(attributes.lvl ?? 0) || 0);
        break;
      case 't':
        this.#inText = true;
        break;
      case 'br':
        this.#line += '\n';
        break;
      case 'tab':
        break;
      case 'tbl':
        this.#header = undefined;
        this.#headed = false;
        this.#rows = 0;
        break;
      case 'tblPr':
        this.#headed = attributes.firstRow === '1' || attributes.firstRow === 'true';
        break;
      case 'tc':
        this.#inCell = true;
        this.#lines = [];
        break;
    }
  }

  close(tag: string): void {
    if (this.#unread > 0) {
      this.#unread -= 1;
      return;
    }
    switch (local(tag)) {
      case 't':
        this.#inText = false;
        break;
      case 'p':
        this.#endLine();
        break;
      case 'sp':
      case 'pt':
        this.#endShape();
        break;
      case 'tc':
        this.#cells.push(this.#lines.join('\n'));
        this.#lines = [];
        this.#inCell = false;
        break;
      case 'tr':
        this.#endRow();
        break;
    }
  }

  text(data: string): void {
    if (this.#inText && this.#unread === 0) this.#line += data;
  }

  #endLine(): void {
    const text = tidy(this.#line).trim();
    this.#line = '';
    if (text !== '') this.#lines.push(this.#inCell ? text : `${'  '.repeat(this.#level)}${text}`);
  }

  #endShape(): void {
    const text = this.#lines.join('\n');
    this.#lines = [];
    if (text.trim() === '' || furniture.has(this.#placeholder)) return;
    if (this.#notes) {
      if (this.#placeholder === 'body') this.#push({ kind: 'text', text: `Notes: ${text}` });
    } else if (this.#placeholder === 'title' || this.#placeholder === 'ctrTitle') {
      this.#push({ kind: 'heading', level: 1, text: text.replace(/\s+/g, ' ') });
    } else this.#push({ kind: 'text', text });
  }

  #endRow(): void {
    const cells = this.#cells;
    this.#cells = [];
    const isHeader = this.#rows === 0 && this.#headed && cells.length > 1;
    if (cells.every((cell) => cell === '')) return;
    this.#rows += 1;
    if (isHeader) this.#header = cells;
    const text = rowText(cells, isHeader ? undefined : this.#header);
    if (text !== '') this.#push({ kind: 'row', text });
  }

  #push(block: Block): void {
    this.#out.push(...cutBlock({ ...block, page: this.#page }));
  }
}
