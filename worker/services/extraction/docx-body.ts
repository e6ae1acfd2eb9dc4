import type { Block } from '../document.ts';
import type { HeadingStyles, Numbering } from './docx-styles.ts';
import { type Attributes, local, type XmlHandler } from './sax.ts';
import { cutBlock, rowText, tidy } from './text.ts';

interface Paragraph {
  text: string;
  level: number | undefined;
  listId: string | undefined;
  listLevel: number;
}

interface Table {
  header: string[] | undefined;
  cells: string[];
  cell: string[];
  rows: number;
  headed: boolean;
}

/** Parts whose text is not shown: deletions, field codes, the second form of what is there already. */
const unread = new Set([
  'del',
  'moveFrom',
  'instrText',
  'delText',
  'delInstrText',
  'Fallback',
  'pPrChange',
  'rPrChange',
  'tblPrChange',
  'annotation',
]);

/** Reads WordprocessingML. Text boxes stand in paragraphs and tables in cells, so both are kept as stacks. */
export class DocxBody implements XmlHandler {
  readonly #styles: HeadingStyles;
  readonly #numbering: Numbering;
  readonly #counters = new Map<string, number[]>();
  readonly #paragraphs: Paragraph[] = [];
  readonly #tables: Table[] = [];
  #out: Block[] = [];
  #unread = 0;
  #inText = false;

  constructor(styles: HeadingStyles, numbering: Numbering) {
    this.#styles = styles;
    this.#numbering = numbering;
  }

  taken(): Block[] {
    const taken = this.#out;
    this.#out = [];
    return taken;
  }

  open(tag: string, attributes: Attributes): void {
    const name = local(tag);
    if (this.#unread > 0 || unread.has(name)) {
      this.#unread += 1;
      return;
    }
    const value = attributes['w:val'];
    const paragraph = this.#paragraphs.at(-1);
    const table = this.#tables.at(-1);
    switch (name) {
      case 'p':
        this.#paragraphs.push({ text: '', level: undefined, listId: undefined, listLevel: 0 });
        break;
      case 't':
        this.#inText = true;
        break;
      case 'tab':
      case 'ptab':
        // Tab stops are declared by the same name, with a value.
        if (paragraph !== undefined && attributes['w:pos'] === undefined) paragraph.text += '\t';
        break;
      case 'br':
      case 'cr':
        if (paragraph !== undefined) paragraph.text += '\n';
        break;
      case 'noBreakHyphen':
        if (paragraph !== undefined) paragraph.text += '-';
        break;
      case 'pStyle':
        if (paragraph !== undefined) paragraph.level ??= this.#styles.get(value ?? '');
        break;
      case 'outlineLvl':
        if (paragraph !== undefined && Number(value) < 9) paragraph.level = Math.min(6, Number(value) + 1);
        break;
      case 'ilvl':
        if (paragraph !== undefined) paragraph.listLevel = Math.min(8, Number(value ?? 0) || 0);
        break;
      case 'numId':
        if (paragraph !== undefined && value !== '0') paragraph.listId = value;
        break;
      case 'tbl':
        this.#tables.push({ header: undefined, cells: [], cell: [], rows: 0, headed: false });
        break;
      case 'tblHeader':
        if (table !== undefined && table.rows === 0 && value !== '0' && value !== 'false') table.headed = true;
        break;
      case 'tblLook':
        if (table !== undefined && isFirstRowHeader(attributes)) table.headed = true;
        break;
    }
  }

  close(tag: string): void {
    if (this.#unread > 0) {
      this.#unread -= 1;
      return;
    }
    switch (local(tag)) {
      case 'p':
        this.#endParagraph();
        break;
      case 't':
        this.#inText = false;
        break;
      case 'tc':
        this.#endCell();
        break;
      case 'tr':
        this.#endRow();
        break;
      case 'tbl':
        this.#tables.pop();
        break;
    }
  }

  text(data: string): void {
    const paragraph = this.#paragraphs.at(-1);
    if (this.#inText && this.#unread === 0 && paragraph !== undefined) paragraph.text += data;
  }

  #endParagraph(): void {
    const paragraph = this.#paragraphs.pop();
    if (paragraph === undefined) return;
    const text = tidy(paragraph.text).replace(/^\n+|\s+$/g, '');
    if (text.trim() === '') return;
    const table = this.#tables.at(-1);
    const marked = paragraph.level === undefined ? this.#mark(paragraph) + text : text;
    if (table !== undefined) table.cell.push(marked);
    else if (paragraph.level !== undefined) this.#push({ kind: 'heading', level: paragraph.level, text: text.trim() });
    else this.#push({ kind: 'text', text: marked });
  }

  /** "- " or "3. " before a list's item, set in by its level. */
  #mark(paragraph: Paragraph): string {
    const { listId, listLevel } = paragraph;
    if (listId === undefined) return '';
    const indent = '  '.repeat(listLevel);
    const kind = this.#numbering.get(listId)?.get(listLevel);
    if (kind === undefined || kind === 'bullet' || kind === 'none') return `${indent}- `;
    const counters = this.#counters.get(listId) ?? [];
    counters.length = Math.min(counters.length, listLevel + 1);
    const count = (counters[listLevel] ?? 0) + 1;
    counters[listLevel] = count;
    this.#counters.set(listId, counters);
    return `${indent}${count}. `;
  }

  #endCell(): void {
    const table = this.#tables.at(-1);
    table?.cells.push(table.cell.join('\n'));
    if (table !== undefined) table.cell = [];
  }

  #endRow(): void {
    const table = this.#tables.at(-1);
    if (table === undefined) return;
    const { cells } = table;
    table.cells = [];
    const isHeader = table.rows === 0 && table.headed && cells.length > 1;
    if (cells.every((cell) => cell === '')) return;
    table.rows += 1;
    if (isHeader) table.header = cells;
    const text = rowText(cells, isHeader ? undefined : table.header);
    const outer = this.#tables.at(-2);
    if (text === '') return;
    // A table in a cell is that cell's text.
    if (outer !== undefined) outer.cell.push(text);
    else this.#push({ kind: 'row', text });
  }

  #push(block: Block): void {
    this.#out.push(...cutBlock(block));
  }
}

/** Word marks the look of a first row by an attribute, older versions by a bit. */
function isFirstRowHeader(attributes: Attributes): boolean {
  const first = attributes['w:firstRow'];
  if (first !== undefined) return first === '1' || first === 'true';
  return (Number.parseInt(attributes['w:val'] ?? '0', 16) & 0x20) !== 0;
}
