/**
 * Byte pair encoding with the ranks of cl100k_base.
 *
 * Own code over the ranks that gpt-tokenizer ships, because its `countTokens` looks up every pair by copying and decoding
 * bytes (ten times slower on Chinese) and its merge is quadratic in the length of an unbroken run.
 */
import ranks from 'gpt-tokenizer/esm/bpeRanks/cl100k_base';

/** Ids are below 2^17, so a pair of them is an exact integer. */
const pairBase = 131_072;
/** Slots of the memo of pairs (a power of two); it is emptied when three quarters full. 3 MB. */
const pairSlots = 1 << 18;
/** No token: of two ids whose bytes together are no token. */
const none = 0x7fff_ffff;
/** Above this many bytes a heap finds the next merge; below it a plain scan is faster. */
const heapFromBytes = 192;

interface Vocabulary {
  /** Ids by bytes, these as a string of code units 0 to 255. */
  readonly rankOf: ReadonlyMap<string, number>;
  readonly bytesOf: readonly string[];
}

function readVocabulary(): Vocabulary {
  const bytesOf = ranks.map((value) => (typeof value === 'string' ? byteString(value) : String.fromCharCode(...value)));
  return { bytesOf, rankOf: new Map(bytesOf.map((bytes, rank) => [bytes, rank])) };
}

/** A constant in all but time, made when first needed: it takes 30 ms and 23 MB. */
let shared: BytePairs | undefined;

/**
 * Encodes one piece of the pre-tokenizer's. Keeps a memo of which tokens merge, on which its answers never depend: facts
 * of the vocabulary, so one instance serves all documents of a process.
 */
export class BytePairs {
  readonly #rankOf: ReadonlyMap<string, number>;
  readonly #bytesOf: readonly string[];
  readonly #pairKeys = new Float64Array(pairSlots).fill(-1);
  readonly #pairRanks = new Int32Array(pairSlots);
  #pairs = 0;
  readonly #byteIds: Int32Array;
  /** Room for the merge of a short piece: tokens, where they end, and what each would merge into with the next. */
  readonly #ids = new Int32Array(heapFromBytes);
  readonly #tails = new Int32Array(heapFromBytes);
  readonly #pairsAt = new Int32Array(heapFromBytes);

  static shared(): BytePairs {
    shared ??= new BytePairs();
    return shared;
  }

  private constructor() {
    const { rankOf, bytesOf } = readVocabulary();
    this.#rankOf = rankOf;
    this.#bytesOf = bytesOf;
    this.#byteIds = Int32Array.from({ length: 256 }, (_, byte) => this.#rankOf.get(String.fromCharCode(byte)) ?? none);
  }

  /** Tokens in the piece. */
  count(piece: string): number {
    const bytes = byteString(piece);
    if (this.#rankOf.has(bytes)) return 1;
    return this.#merge(bytes, undefined);
  }

  /** Where each token of the piece ends, as offsets in its UTF-8 bytes. */
  ends(piece: string): number[] {
    const bytes = byteString(piece);
    if (this.#rankOf.has(bytes)) return [bytes.length];
    const ends: number[] = [];
    this.#merge(bytes, ends);
    return ends;
  }

  #merge(bytes: string, ends: number[] | undefined): number {
    if (bytes.length < heapFromBytes) return this.#mergeShort(bytes, ends);
    const ids = new Int32Array(bytes.length);
    for (let at = 0; at < bytes.length; at += 1) ids[at] = this.#byteIds[bytes.charCodeAt(at)] ?? none;
    return this.#mergeLong(ids, ends);
  }

  /** Merges the lowest rank first, leftmost among equals, by scanning: quadratic, so for short pieces only. */
  #mergeShort(bytes: string, ends: number[] | undefined): number {
    const ids = this.#ids;
    const pairs = this.#pairsAt;
    const tails = this.#tails;
    let count = bytes.length;
    for (let at = 0; at < count; at += 1) {
      ids[at] = this.#byteIds[bytes.charCodeAt(at)] ?? none;
      tails[at] = at + 1;
      if (at > 0) pairs[at - 1] = this.#pairRank(ids[at - 1] ?? none, ids[at] ?? none);
    }
    for (;;) {
      let best = none;
      let where = -1;
      for (let at = 0; at < count - 1; at += 1) {
        const rank = pairs[at] ?? none;
        if (rank < best) {
          best = rank;
          where = at;
        }
      }
      if (where < 0) break;
      ids[where] = best;
      tails[where] = tails[where + 1] ?? 0;
      count -= 1;
      for (let at = where + 1; at < count; at += 1) {
        ids[at] = ids[at + 1] ?? none;
        tails[at] = tails[at + 1] ?? 0;
        pairs[at] = pairs[at + 1] ?? none;
      }
      if (where + 1 < count) pairs[where] = this.#pairRank(best, ids[where + 1] ?? none);
      if (where > 0) pairs[where - 1] = this.#pairRank(ids[where - 1] ?? none, best);
    }
    if (ends) for (let at = 0; at < count; at += 1) ends.push(tails[at] ?? 0);
    return count;
  }

  /** The same merges in the same order, by a heap over a linked list: n log n. */
  #mergeLong(ids: Int32Array, ends: number[] | undefined): number {
    const length = ids.length;
    const next = new Int32Array(length);
    const before = new Int32Array(length);
    const pairs = new Int32Array(length);
    const heap = new MergeHeap(length);
    for (let at = 0; at < length; at += 1) {
      next[at] = at + 1;
      before[at] = at - 1;
      const rank = at + 1 < length ? this.#pairRank(ids[at] ?? none, ids[at + 1] ?? none) : none;
      pairs[at] = rank;
      if (rank !== none) heap.push(rank, at);
    }
    let count = length;
    const renew = (at: number) => {
      const after = next[at] ?? length;
      const rank = after < length ? this.#pairRank(ids[at] ?? none, ids[after] ?? none) : none;
      pairs[at] = rank;
      if (rank !== none) heap.push(rank, at);
    };
    for (let entry = heap.pop(); entry >= 0; entry = heap.pop()) {
      const at = entry % heapBase;
      const rank = (entry - at) / heapBase;
      if (pairs[at] !== rank) continue;
      const gone = next[at] ?? length;
      const after = next[gone] ?? length;
      ids[at] = rank;
      pairs[gone] = none;
      next[at] = after;
      if (after < length) before[after] = at;
      count -= 1;
      renew(at);
      const previous = before[at] ?? -1;
      if (previous >= 0) renew(previous);
    }
    if (ends) for (let at = 0; at < length; at = next[at] ?? length) ends.push(next[at] ?? length);
    return count;
  }

  #pairRank(left: number, right: number): number {
    const key = left * pairBase + right;
    let slot = (Math.imul(left, 0x9e37_79b1) ^ Math.imul(right, 0x85eb_ca6b)) >>> 14;
    for (;;) {
      const found = this.#pairKeys[slot];
      if (found === key) return this.#pairRanks[slot] ?? none;
      if (found === -1) break;
      slot = (slot + 1) & (pairSlots - 1);
    }
    const rank = this.#rankOf.get(`${this.#bytesOf[left]}${this.#bytesOf[right]}`) ?? none;
    if (this.#pairs >= pairSlots * 0.75) {
      this.#pairKeys.fill(-1);
      this.#pairs = 0;
      return rank;
    }
    this.#pairKeys[slot] = key;
    this.#pairRanks[slot] = rank;
    this.#pairs += 1;
    return rank;
  }
}

/** Positions are below this in heap entries (`rank * heapBase + position`): pieces have far fewer bytes. */
const heapBase = 0x0100_0000;

/** A binary min-heap of `rank * heapBase + position`, so that the lowest rank comes first and the leftmost among equals. */
class MergeHeap {
  #entries: Float64Array;
  #size = 0;

  constructor(capacity: number) {
    this.#entries = new Float64Array(capacity * 3 + 1);
  }

  push(rank: number, position: number): void {
    const entries = this.#entries;
    const entry = rank * heapBase + position;
    let at = this.#size;
    this.#size += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = entries[parent] ?? 0;
      if (above <= entry) break;
      entries[at] = above;
      at = parent;
    }
    entries[at] = entry;
  }

  /** The least entry, or -1 when there is none. */
  pop(): number {
    if (this.#size === 0) return -1;
    const entries = this.#entries;
    const least = entries[0] ?? -1;
    this.#size -= 1;
    const last = entries[this.#size] ?? 0;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && (entries[child + 1] ?? 0) < (entries[child] ?? 0)) child += 1;
      const below = entries[child] ?? 0;
      if (below >= last) break;
      entries[at] = below;
      at = child;
    }
    entries[at] = last;
    return least;
  }
}

/** The UTF-8 bytes of a text as a string of code units 0 to 255. */
function byteString(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the question is whether all is ASCII.
  return /^[\u0000-\u007f]*$/.test(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}
