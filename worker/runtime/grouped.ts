/** Writes of many callers in one statement: each waits for the commit that holds its own, and pays for a share of it. */
import { isTransientDatabaseError } from '../db/index.ts';

export interface GroupedOptions<In, Out> {
  /** Most items a statement takes. */
  readonly most: number;
  /** Statements under way side by side. */
  readonly lanes: number;
  /**
   * Least time between the starts of two statements while callers come together and fewer than `enough` items wait: groups are larger for
   * it. Left out, a statement starts as soon as a lane is free. A caller who is alone waits for nobody in any case, nor does one who comes after
   * a longer silence.
   */
  readonly spacing?: { readonly ms: number; readonly enough: number } | undefined;
  /** Writes all of them or none, and answers in their order. */
  readonly write: (items: readonly In[]) => Promise<readonly Out[]>;
}

interface Waiting<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Collects what comes while a statement is under way and sends it with the next one, so that a group is as large as the
 * load makes it, and nobody waits for a timer but where a spacing says so. What comes in one turn of the event loop goes together.
 */
export class Grouped<In, Out> {
  readonly #options: GroupedOptions<In, Out>;
  readonly #waiting: Waiting<In, Out>[] = [];
  #underWay = 0;
  #scheduled = false;
  #startedAt = Number.NEGATIVE_INFINITY;
  /** Items of the statement that was started last. */
  #started = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: GroupedOptions<In, Out>) {
    this.#options = options;
  }

  /** @throws what the statement threw. One that refuses a group is tried for each item by itself, so that only the bad one fails. */
  add(item: In): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay >= this.#options.lanes || this.#waiting.length === 0) return;
    const earlyMs = this.#earlyMs();
    if (earlyMs > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#schedule();
      }, earlyMs);
      return;
    }
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const group = this.#waiting.splice(0, this.#options.most);
      this.#startedAt = performance.now();
      this.#started = group.length;
      void this.#send(group);
      this.#schedule();
    });
  }

  /** For how long the next statement is not to start, ms. */
  #earlyMs(): number {
    const { spacing } = this.#options;
    if (!spacing || this.#waiting.length >= spacing.enough) return 0;
    const alone = this.#underWay === 0 && this.#started <= 1;
    if (alone) return 0;
    return this.#startedAt + spacing.ms - performance.now();
  }

  async #send(group: readonly Waiting<In, Out>[]): Promise<void> {
    this.#underWay += 1;
    try {
      await this.#settle(group);
    } finally {
      this.#underWay -= 1;
      this.#schedule();
    }
  }

  async #settle(group: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const out = await this.#options.write(group.map(({ item }) => item));
      for (const [place, { resolve }] of group.entries()) resolve(out[place] as Out);
    } catch (error) {
      if (group.length === 1 || isTransientDatabaseError(error)) {
        for (const { reject } of group) reject(error);
        return;
      }
      for (const one of group) await this.#settle([one]);
    }
  }
}
