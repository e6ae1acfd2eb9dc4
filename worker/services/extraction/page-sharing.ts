/** Reading a document's pages in ranges, some of them elsewhere, and putting them together in page order. */
import type { Block } from '../document.ts';

/** Pages of a document that are read in one go. */
export interface PageRange {
  /** From 0; ranges are gapless and in page order. */
  readonly index: number;
  /** Index of its first page, from 0. */
  readonly from: number;
  /** Index after its last page. */
  readonly to: number;
}

/** What a page gave. */
export interface PageContent {
  readonly blocks: readonly Block[];
  /** True when the page has no text, and shows something all the same. */
  readonly drawn: boolean;
}

/** By what two readings of one document are known to be of the same bytes. */
export interface FilePrint {
  readonly pages: number;
  readonly bytes: number;
  readonly crc32: number;
}

/** Some or all of what a range gave, in page order. */
export interface RangePart {
  readonly blocks: readonly Block[];
  /** Pages that are drawn without text. */
  readonly drawnPages: number;
  /** True when the range holds no more. */
  readonly last: boolean;
}

/** What the reader that puts the pages together does next. */
export type NextStep =
  /** Reads a range itself: the one it waits for, or one further on, to be kept until its turn comes. */
  | { readonly do: 'read'; readonly range: PageRange }
  /** Takes the next part of the range it waits for. */
  | { readonly do: 'take'; readonly part: RangePart };

/** Shares a document's pages among readers. */
export interface PageSharing {
  /** A document of fewer pages is read in one place. */
  readonly minPages: number;
  /** Begins to share; returns the number of ranges. */
  begin(print: FilePrint): Promise<number>;
  /**
   * What to do now that the range `waited` is the first that is neither here nor being read here.
   *
   * @param ahead False when no more can be kept: no range further on is to be read.
   */
  next(waited: number, ahead: boolean): Promise<NextStep>;
}

/** Text of ranges read ahead of their turn that is kept, in UTF-16 code units; a range stops short when it is reached. */
export const maxKeptChars = 4 * 1024 * 1024;

/** All pages in page order, of which `read` reads those that fall to this reader. */
export async function* sharedPages(
  sharing: PageSharing,
  print: FilePrint,
  read: (range: PageRange) => Iterable<PageContent>,
): AsyncGenerator<RangePart> {
  const ranges = await sharing.begin(print);
  const own = new Map<number, OwnRange>();
  let waited = 0;
  let keptChars = 0;
  function ask(): Promise<NextStep> | undefined {
    let first = waited;
    while (own.has(first)) first += 1;
    const asked = first < ranges ? sharing.next(first, keptChars < maxKeptChars) : undefined;
    // It is awaited when its turn comes, which a fault in a page may forestall.
    asked?.catch(() => undefined);
    return asked;
  }
  let asked: Promise<NextStep> | undefined;
  while (waited < ranges) {
    const mine = own.get(waited);
    if (mine !== undefined) {
      // Asked before the pages are read, so that the answer is there after them.
      asked ??= ask();
      yield* mine.parts();
      keptChars -= mine.keptChars;
      own.delete(waited);
      waited += 1;
      continue;
    }
    const step = await (asked ?? ask());
    asked = undefined;
    if (step === undefined) throw new Error('pages were awaited which nobody reads');
    if (step.do === 'take') {
      yield step.part;
      if (step.part.last) waited += 1;
      continue;
    }
    const { index } = step.range;
    const range = new OwnRange(read(step.range)[Symbol.iterator]());
    own.set(index, range);
    if (index === waited) continue;
    range.keep(maxKeptChars - keptChars);
    keptChars += range.keptChars;
  }
}

/** A range that is read here: what was read before its turn is kept, the rest read when it comes. */
class OwnRange {
  readonly #pages: Iterator<PageContent>;
  readonly #kept: PageContent[] = [];
  keptChars = 0;

  constructor(pages: Iterator<PageContent>) {
    this.#pages = pages;
  }

  keep(maxChars: number): void {
    while (this.keptChars < maxChars) {
      const next = this.#pages.next();
      if (next.done === true) return;
      this.#kept.push(next.value);
      for (const { text } of next.value.blocks) this.keptChars += text.length;
    }
  }

  *parts(): Generator<RangePart> {
    for (let page = this.#kept.shift(); page !== undefined; page = this.#kept.shift()) yield partOf(page);
    for (let next = this.#pages.next(); next.done !== true; next = this.#pages.next()) yield partOf(next.value);
  }
}

/** A page as a part of its range. */
export function partOf({ blocks, drawn }: PageContent): RangePart {
  return { blocks, drawnPages: drawn ? 1 : 0, last: false };
}
