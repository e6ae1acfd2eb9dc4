import { Parser } from 'htmlparser2';
import { type Block, maxBlockChars } from '../document.ts';
import type { Extractor } from './extractor.ts';
import { emptyDocument, malformedDocument } from './faults.ts';
import { collapse, cutBlock } from './text.ts';
import { textOf } from './txt.ts';

const maxDepth = 5_000;
/** Lines are gathered into blocks of about this many characters. */
const gatherChars = 4_096;

/**
 * The text of elements, a line for each run of it. Entities are not looked up: no expansion can blow up, nothing outside
 * the document is read. A document that declares some is refused, since its text would be indexed with holes in it.
 */
export const xml: Extractor = {
  format: 'xml',
  async extract(source) {
    async function* blocks(): AsyncGenerator<Block> {
      const gathered = new XmlLines();
      for await (const piece of textOf(source)) yield* gathered.push(piece);
      yield* gathered.end();
    }
    return {
      metadata: { format: 'xml', ...(source.encoding === undefined ? {} : { encoding: source.encoding.encoding }) },
      blocks: blocks(),
    };
  },
};

const declaresEntities = () => malformedDocument('xml', 'its document type declares entities, which are not read');

class XmlLines {
  readonly #parser: Parser;
  #depth = 0;
  #elements = 0;
  #line = '';
  #gathered = '';
  #out: Block[] = [];

  constructor() {
    this.#parser = new Parser(
      {
        onopentag: () => this.#open(),
        onclosetag: () => {
          this.#depth -= 1;
          this.#endLine();
        },
        ontext: (data) => {
          // What stands before the root is a document type's declarations.
          if (this.#depth > 0) this.#line += data;
          if (this.#line.length > maxBlockChars) this.#endLine();
        },
        onprocessinginstruction: (name, data) => {
          // The parser ends `<!DOCTYPE … [` at the first `>`: the first declaration is part of it, the others come by themselves.
          const declares = name.toUpperCase() === '!ENTITY' || (/^!doctype$/i.test(name) && /<!ENTITY\s/i.test(data));
          if (declares && this.#elements === 0) throw declaresEntities();
        },
      },
      { xmlMode: true, decodeEntities: true },
    );
  }

  push(piece: string): Block[] {
    this.#parser.write(piece);
    return this.#out.splice(0);
  }

  end(): Block[] {
    this.#parser.end();
    this.#endLine();
    this.#flush();
    if (this.#elements === 0) throw emptyDocument();
    return this.#out.splice(0);
  }

  #open(): void {
    this.#elements += 1;
    this.#depth += 1;
    if (this.#depth > maxDepth) throw malformedDocument('xml', `its elements are nested more than ${maxDepth} deep`);
    this.#endLine();
  }

  #endLine(): void {
    const line = collapse(this.#line);
    this.#line = '';
    if (line === '') return;
    this.#gathered += this.#gathered === '' ? line : `\n${line}`;
    if (this.#gathered.length >= gatherChars) this.#flush();
  }

  #flush(): void {
    const text = this.#gathered;
    this.#gathered = '';
    if (text !== '') this.#out.push(...cutBlock({ kind: 'text', text }));
  }
}
