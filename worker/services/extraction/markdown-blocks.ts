import { type Block, maxBlockChars } from '../document.ts';
import { cutBlock } from './text.ts';

const atx = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\n?$/;
const fence = /^ {0,3}(`{3,}|~{3,})([^`\n]*)\n?$/;
const setext = /^ {0,3}(=+|-+)[ \t]*\n?$/;
/** A paragraph run is handed on when it is this long, at the next blank line. */
const runChars = maxBlockChars / 4;

/**
 * Finds the structure of Markdown line by line, so that its length does not matter: headings (`#` and underlined), fenced
 * code, and runs of everything else, as written. `rewrite` changes the text outside of code (MDX takes its tags out).
 */
export class MarkdownBlocks {
  readonly #out: Block[] = [];
  readonly #rewrite: (text: string) => string;
  #run: string[] = [];
  #runLength = 0;
  #code: string[] = [];
  #codeLength = 0;
  #codeContinued = false;
  #closing: RegExp | undefined;

  constructor(rewrite: (text: string) => string = (text) => text) {
    this.#rewrite = rewrite;
  }

  /** Takes lines that keep their \n; gives the blocks that are complete. */
  push(lines: readonly string[]): Block[] {
    for (const line of lines) this.#line(line);
    return this.#out.splice(0);
  }

  end(): Block[] {
    if (this.#closing !== undefined) this.#endCode();
    this.#endRun();
    return this.#out.splice(0);
  }

  #line(line: string): void {
    if (this.#closing !== undefined) {
      if (this.#closing.test(line)) this.#endCode();
      else this.#codeLine(line);
      return;
    }
    const first = line.charCodeAt(0);
    // Letters and CJK start neither a heading nor a fence: most lines end here.
    if (first > 0x60 && first !== 0x7e) {
      this.#add(line);
      return;
    }
    const opening = fence.exec(line);
    if (opening?.[1] !== undefined) {
      this.#endRun();
      const mark = opening[1];
      this.#closing = new RegExp(`^ {0,3}${mark[0] === '~' ? '~' : '`'}{${mark.length},}[ \\t]*\\n?$`);
      return;
    }
    const heading = atx.exec(line);
    if (heading?.[1] !== undefined) {
      this.#endRun();
      this.#heading(heading[2] ?? '', heading[1].length);
      return;
    }
    const underline = setext.exec(line);
    if (underline?.[1] !== undefined && this.#underlines()) {
      const title = this.#run.pop() ?? '';
      this.#endRun();
      this.#heading(title, underline[1].startsWith('=') ? 1 : 2);
      return;
    }
    if (line.trim() === '' && this.#runLength > runChars) {
      this.#endRun();
      return;
    }
    this.#add(line);
  }

  /** True when the line before is a paragraph of one line: what a row of = or - makes a heading of. */
  #underlines(): boolean {
    const above = this.#run.at(-1);
    const beforeThat = this.#run.at(-2);
    if (above === undefined || above.trim() === '' || /^(?: {4}|\t| {0,3}[>|*+-]| {0,3}\d+[.)])/.test(above))
      return false;
    return beforeThat === undefined || beforeThat.trim() === '';
  }

  #add(line: string): void {
    this.#run.push(line);
    this.#runLength += line.length;
    if (this.#runLength >= maxBlockChars) this.#endRun();
  }

  #heading(raw: string, level: number): void {
    const text = this.#rewrite(raw).trim();
    if (text !== '') this.#out.push(...cutBlock({ kind: 'heading', text, level }));
  }

  #codeLine(line: string): void {
    this.#code.push(line);
    this.#codeLength += line.length;
    if (this.#codeLength >= maxBlockChars) this.#flushCode(true);
  }

  #endCode(): void {
    this.#flushCode(false);
    this.#closing = undefined;
    this.#codeContinued = false;
  }

  #flushCode(more: boolean): void {
    const joined = this.#code.join('');
    const text = more ? joined : joined.replace(/\n$/, '');
    this.#code = [];
    this.#codeLength = 0;
    if (text.trim() === '') return;
    const continued = this.#codeContinued ? { continued: true } : {};
    this.#out.push(...cutBlock({ kind: 'code', text, ...continued }));
    this.#codeContinued = more;
  }

  #endRun(): void {
    if (this.#runLength === 0) return;
    const text = this.#rewrite(this.#run.join(''))
      .replace(/^(?:[ \t]*\n)+/, '')
      .trimEnd();
    this.#run = [];
    this.#runLength = 0;
    if (text !== '') this.#out.push(...cutBlock({ kind: 'text', text }));
  }
}
