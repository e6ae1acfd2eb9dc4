/**
 * Things that come and go thousands of times a second, a few hundred at once. A Set of as many costs more than it says: V8 makes it a new
 * table every few dozen of them, and links the old one, with what it held, to the new one. Once one such table has grown old, all
 * after it, and all that was ever in them, are kept until the next full collection (decision 0016).
 */
export class Bag<T extends object> implements Iterable<T> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    this.#items.push(item);
  }

  /** Looks through all of them, the newest first. Returns whether it was in here. */
  delete(item: T): boolean {
    const place = this.#items.lastIndexOf(item);
    if (place === -1) return false;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) this.#items[place] = last;
    return true;
  }

  /** Those that are in here now, in no order. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#items].values();
  }
}
