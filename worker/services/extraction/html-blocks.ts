/** Turns HTML, as it streams in, into blocks. Knows nothing of main content; that is `html.ts`. */
import { Parser } from 'htmlparser2';
import { type Block, maxBlockChars } from '../document.ts';
import { malformedDocument } from './faults.ts';
import { collapse, cutBlock, rowText, tidy } from './text.ts';

const silent = new Set([
  'script',
  'style',
  'noscript',
  'template',
  'svg',
  'iframe',
  'object',
  'canvas',
  'select',
  'datalist',
  'math-annotation',
]);
const furniture = new Set(['nav', 'footer', 'aside', 'button', 'menu', 'dialog']);
const breaking = new Set(
  'address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form header hr html legend li main menu nav ol p section summary table tbody td tfoot th thead tr ul caption'.split(
    ' ',
  ),
);
/** Tags open at once before the page is taken for an attack: real pages with tags never closed stay below. */
const maxDepth = 20_000;

export interface HtmlBlocksOptions {
  /** Leaves out navigation, footers, asides. */
  readonly withoutFurniture?: boolean;
  /** Put on every block. */
  readonly section?: string;
  readonly page?: number;
}

interface Table {
  header: string[] | undefined;
  cells: string[];
  headerCells: number;
  rows: number;
}

export class HtmlBlocks {
  readonly #parser: Parser;
  readonly #place: Pick<Block, 'page' | 'section'>;
  readonly #withoutFurniture: boolean;
  #out: Block[] = [];
  #text = '';
  #depth = 0;
  /** Depth at which a part that is left out began. */
  #silentFrom: number | undefined;
  #heading: number | undefined;
  #listDepth = 0;
  #item = false;
  #pre = 0;
  #tables: Table[] = [];
  #inTitle = false;
  #title = '';

  constructor(options: HtmlBlocksOptions = {}) {
    this.#withoutFurniture = options.withoutFurniture === true;
    this.#place = {
      ...(options.section === undefined ? {} : { section: options.section }),
      ...(options.page === undefined ? {} : { page: options.page }),
    };
    this.#parser = new Parser(
      {
        onopentag: (name, attributes) => this.#open(name, attributes),
        onclosetag: (name) => this.#close(name),
        ontext: (data) => this.#data(data),
      },
      { decodeEntities: true, lowerCaseTags: true },
    );
  }

  /** What stands in `<title>`, once it was passed. */
  get title(): string {
    return collapse(this.#title);
  }

  push(html: string): Block[] {
    this.#parser.write(html);
    return this.#taken();
  }

  end(): Block[] {
    this.#parser.end();
    this.#flush();
    return this.#taken();
  }

  #taken(): Block[] {
    const taken = this.#out;
    this.#out = [];
    return taken;
  }

  #open(name: string, attributes: Record<string, string>): void {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw malformedDocument('html', `its tags are nested more than ${maxDepth} deep`);
    if (this.#silentFrom !== undefined) return;
    if (silent.has(name) || (this.#withoutFurniture && furniture.has(name)) || isHidden(attributes)) {
      this.#silentFrom = this.#depth;
      return;
    }
    if (name === 'title') this.#inTitle = true;
    else if (name === 'br') this.#text += '\n';
    else if (name === 'table') this.#openTable();
    else if (name === 'pre') {
      this.#flush();
      this.#pre += 1;
    } else if (name === 'td' || name === 'th') this.#openCell(name);
    else if (/^h[1-6]$/.test(name)) {
      this.#flush();
      this.#heading = Number(name.charAt(1));
    } else if (breaking.has(name)) {
      this.#flush();
      if (name === 'ul' || name === 'ol') this.#listDepth += 1;
      if (name === 'li') this.#item = true;
    }
  }

  #close(name: string): void {
    const depth = this.#depth;
    this.#depth -= 1;
    if (this.#silentFrom !== undefined) {
      if (depth <= this.#silentFrom) this.#silentFrom = undefined;
      return;
    }
    if (name === 'title') this.#inTitle = false;
    else if (name === 'td' || name === 'th') this.#closeCell();
    else if (name === 'tr') this.#closeRow();
    else if (name === 'table') this.#closeTable();
    else if (name === 'pre') {
      this.#flush();
      this.#pre = Math.max(0, this.#pre - 1);
    } else if (/^h[1-6]$/.test(name)) {
      this.#flush();
      this.#heading = undefined;
    } else if (breaking.has(name)) {
      this.#flush();
      if (name === 'ul' || name === 'ol') this.#listDepth = Math.max(0, this.#listDepth - 1);
      if (name === 'li') this.#item = false;
    }
  }

  #data(data: string): void {
    if (this.#silentFrom !== undefined) return;
    if (this.#inTitle) {
      if (this.#title.length < 1000) this.#title += data;
      return;
    }
    // A line end in the source is a space; one made by <br> is a line end.
    this.#text += this.#pre > 0 ? data : data.replace(/[\t\n\r\f ]+/g, ' ');
    if (this.#text.length > maxBlockChars && this.#tables.length === 0) this.#flush();
    else if (this.#text.length > maxBlockChars * 16) this.#flushOversized();
  }

  #flush(): void {
    const table = this.#tables.at(-1);
    if (table !== undefined) {
      // Within a cell a block's end is a line end.
      if (this.#text !== '' && !this.#text.endsWith('\n')) this.#text += '\n';
      return;
    }
    const raw = tidy(this.#text);
    this.#text = '';
    const text = this.#pre > 0 ? raw.replace(/^\n|\s+$/g, '') : tidyLines(raw);
    if (text.trim() === '') return;
    if (this.#heading !== undefined) this.#push({ kind: 'heading', level: this.#heading, text: collapse(text) });
    else if (this.#pre > 0) this.#push({ kind: 'code', text });
    else if (this.#item) {
      this.#item = false;
      this.#push({ kind: 'text', text: `${'  '.repeat(Math.min(8, Math.max(0, this.#listDepth - 1)))}- ${text}` });
    } else this.#push({ kind: 'text', text });
  }

  #push(block: Block): void {
    this.#out.push(...cutBlock({ ...block, ...this.#place }));
  }

  /** A cell of megabytes is no cell: its text goes out as it stands. */
  #flushOversized(): void {
    const tables = this.#tables;
    this.#tables = [];
    this.#flush();
    this.#tables = tables;
  }

  #openTable(): void {
    if (this.#tables.length === 0) this.#flush();
    this.#tables.push({ header: undefined, cells: [], headerCells: 0, rows: 0 });
  }

  #openCell(name: string): void {
    const table = this.#tables.at(-1);
    if (table === undefined || this.#tables.length > 1) return;
    this.#text = '';
    if (name === 'th') table.headerCells += 1;
  }

  #closeCell(): void {
    if (this.#tables.length > 1) {
      this.#text = `${this.#text.trimEnd()} `;
      return;
    }
    this.#tables[0]?.cells.push(tidyLines(tidy(this.#text)));
    this.#text = '';
  }

  /** A first row of nothing but `th` is the header; tables in tables are text of their cell. */
  #closeRow(): void {
    const table = this.#tables[0];
    if (table === undefined) return;
    if (this.#tables.length > 1) {
      this.#text = `${this.#text.trimEnd()}\n`;
      return;
    }
    const { cells } = table;
    const isHeader = table.rows === 0 && cells.length > 1 && table.headerCells === cells.length;
    table.cells = [];
    table.headerCells = 0;
    if (cells.every((cell) => cell === '')) return;
    table.rows += 1;
    if (isHeader) table.header = cells;
    const text = rowText(cells, isHeader ? undefined : table.header);
    if (text !== '') this.#push({ kind: 'row', text });
  }

  #closeTable(): void {
    if (this.#tables.length === 1) {
      this.#closeRow();
      this.#tables.pop();
      this.#flush();
      return;
    }
    this.#tables.pop();
  }
}

function isHidden(attributes: Record<string, string>): boolean {
  if (attributes.hidden !== undefined) return true;
  const style = attributes.style;
  return style !== undefined && /display\s*:\s*none/i.test(style);
}

/** Single spaces within lines, no space around line ends, no empty lines. */
function tidyLines(text: string): string {
  return text
    .replace(/[ \t\u00a0]+/g, ' ')
    .replace(/ ?\n[ \n]*/g, '\n')
    .trim();
}
