/** Which range of a document's pages is read by whom, and the parts that wait for their turn. */
import type { FilePrint, PageRange } from '../extraction/page-sharing.ts';
import type { SharingLimits } from './limits.ts';
import type { HelperValue, LeadAnswer, SentPart } from './page-messages.ts';

/** A range that a helper reads, until its last part is taken. */
interface Slot {
  readonly parts: SentPart[];
  fault?: { readonly error: unknown };
}

/**
 * Ranges are claimed in page order, at most `maxAheadRanges` beyond the one that the lead waits for. What helpers read
 * is held until the lead takes it: `maxAheadBytes`, and one part more of each helper.
 */
export class PageLedger {
  readonly print: FilePrint;
  readonly ranges: number;
  readonly #limits: SharingLimits;
  readonly #slots = new Map<number, Slot>();
  readonly #waiters = new Set<() => void>();
  readonly #beganAt = performance.now();
  #unclaimed = 0;
  #waited = 0;
  #heldBytes = 0;
  #ended = false;

  constructor(print: FilePrint, limits: SharingLimits) {
    this.print = print;
    this.ranges = Math.ceil(print.pages / limits.rangePages);
    this.#limits = limits;
  }

  /** Pages that nobody has claimed. */
  get unclaimedPages(): number {
    return Math.max(0, this.print.pages - this.#unclaimed * this.#limits.rangePages);
  }

  /** How long the rest takes if it goes on as so far, in ms. */
  get expectedMs(): number {
    const passed = performance.now() - this.#beganAt;
    return this.#waited === 0 ? 0 : (passed / this.#waited) * (this.ranges - this.#waited);
  }

  /** Bytes of parts that wait for their turn. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** What the lead does next. @throws the error of the helper that was to read the range, as it is. */
  async next(waited: number, ahead: boolean): Promise<LeadAnswer> {
    this.#waited = waited;
    this.wake();
    for (;;) {
      if (this.#unclaimed <= waited) return { do: 'read', range: this.#claim() };
      const slot = this.#slots.get(waited);
      const part = slot?.parts.shift();
      if (part !== undefined) {
        this.#heldBytes -= part.blocks.byteLength;
        if (part.last) this.#slots.delete(waited);
        this.wake();
        return { do: 'take', part };
      }
      if (slot?.fault !== undefined) throw slot.fault.error;
      if (ahead && this.#hasRoom()) return { do: 'read', range: this.#claim() };
      await this.#change();
    }
  }

  /** A range for a helper, as soon as one may be read; undefined when there are no more, or it `leaves`. */
  async claim(leaves: () => boolean): Promise<PageRange | undefined> {
    while (!this.#ended && !leaves() && this.#unclaimed < this.ranges) {
      if (this.#hasRoom()) {
        this.#slots.set(this.#unclaimed, { parts: [] });
        return this.#claim();
      }
      await this.#change();
    }
    return undefined;
  }

  /** Takes what a helper read; resolves when it may go on. */
  async deliver({ index, part }: HelperValue): Promise<void> {
    const slot = this.#slots.get(index);
    if (slot === undefined) throw new Error(`pages of range ${index} came, which no helper was to read`);
    slot.parts.push(part);
    this.#heldBytes += part.blocks.byteLength;
    this.wake();
    // The range that the lead waits for always goes on: the others are held back until it is done.
    const held = () => (index === this.#waited ? slot.parts.length > 0 : true);
    while (!this.#ended && this.#heldBytes > this.#limits.maxAheadBytes && held()) await this.#change();
  }

  /** Leaves a range that cannot be read: the lead hears the error when it gets there. */
  fail(index: number, error: unknown): void {
    const slot = this.#slots.get(index);
    if (slot !== undefined) slot.fault = { error };
    this.wake();
  }

  /** Nothing more is read or held back. */
  end(): void {
    this.#ended = true;
    this.wake();
  }

  /** Lets everyone who waits look again. */
  wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const go of waiters) go();
  }

  #hasRoom(): boolean {
    return this.#unclaimed < Math.min(this.ranges, this.#waited + this.#limits.maxAheadRanges);
  }

  #claim(): PageRange {
    const index = this.#unclaimed;
    const from = index * this.#limits.rangePages;
    this.#unclaimed += 1;
    return { index, from, to: Math.min(this.print.pages, from + this.#limits.rangePages) };
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve));
  }
}
