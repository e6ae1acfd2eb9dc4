/** The text that the splitter looks at: what is not yet cut, with where its blocks begin. */
import type { Block } from '../document.ts';

/** One block's place in the buffer. Its range goes on to the next span's `at`; what follows `end` there is the separator. */
export interface Span {
  at: number;
  /** End of the block's own text; `Infinity` while it grows. */
  end: number;
  readonly kind: Block['kind'];
  readonly page: number | undefined;
  readonly section: string | undefined;
}

/** Text dropped at the front only once it is this long, so that dropping costs little. UTF-16 code units. */
const dropFromChars = 16_384;
/** White space held back at the end, to be dropped should the block end there; more than this is let through. */
const maxTailChars = 65_536;

export class TextBuffer {
  text = '';
  spans: Span[] = [];
  /** White space that the last block ended with so far. */
  #tail = '';

  /** Appends text of a block; `starts` sets it off from the block before. */
  append(part: Omit<Span, 'at' | 'end'> & { readonly text: string; readonly starts: boolean }): void {
    if (part.starts) this.#start(part);
    const empty = this.text.length === (this.spans.at(-1)?.at ?? 0);
    const own = !empty ? part.text : part.kind === 'code' ? part.text.replace(/^\s*\n/, '') : part.text.trimStart();
    const kept = own.trimEnd();
    if (kept !== '') {
      this.text += this.#tail + kept;
      this.#tail = own.slice(kept.length);
    } else if (!empty) {
      this.#tail += own;
      if (this.#tail.length > maxTailChars) {
        this.text += this.#tail;
        this.#tail = '';
      }
    }
  }

  /** Begins a span, in place of the last one when that stayed empty. */
  #start({ kind, page, section }: Omit<Span, 'at' | 'end'>): void {
    this.#tail = '';
    const last = this.spans.at(-1);
    if (last && last.at >= this.text.length) {
      this.spans.pop();
    } else if (last) {
      last.end = this.text.length;
      this.text += last.kind === 'row' && kind === 'row' ? '\n' : '\n\n';
    }
    this.spans.push({ at: this.text.length, end: Number.POSITIVE_INFINITY, kind, page, section });
  }

  /** Index of the span that the character at `at` belongs to. */
  spanIndex(at: number): number {
    let low = 0;
    let high = this.spans.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.spans[middle]?.at ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  spanAt(at: number): Span | undefined {
    return this.spans[this.spanIndex(at)];
  }

  /** Forgets text before `at` when enough has come together. Returns by how much offsets went down. */
  drop(at: number): number {
    if (at < dropFromChars) return 0;
    this.spans.splice(0, this.spanIndex(at));
    for (const span of this.spans) {
      span.at = Math.max(0, span.at - at);
      span.end -= at;
    }
    this.text = this.text.slice(at);
    return at;
  }
}
