/** A job whose document's pages are read by several children when there are children to spare. */
import type { Readable } from 'node:stream';
import type { JobLimits } from '../bounded-child/limits.ts';
import type { ChildPool } from '../bounded-child/pool.ts';
import type { ExtractLimits } from '../extraction/extractor.ts';
import type { SharingLimits } from './limits.ts';
import { PageLedger } from './page-ledger.ts';
import type { HelpArgument, HelperQuestion, HelperValue, LeadAnswer, LeadQuestion } from './page-messages.ts';

export interface SharedJob {
  /** Opens the document; called once for each child that reads it. */
  readonly source: () => Promise<Readable> | Readable;
  /** For the first child; the module it runs asks `LeadQuestion`s of documents that it would share. */
  readonly argument: unknown;
  /** Of each child. */
  readonly limits: JobLimits & { readonly extract: ExtractLimits };
  readonly signal?: AbortSignal;
}

/** How many children may help one document, besides its first; and how. */
export interface SharingOptions extends SharingLimits {
  readonly helpers: number;
}

/**
 * Does a job on one child of the pool, and on others as long as nobody else wants them. Yields the first child's values.
 *
 * @throws what `ChildPool.run` throws, of any of the children. An error of a helper comes when the first child gets to
 * the pages that the helper was to read, so that of several errors the earliest in the document is told.
 */
export async function* runShared(
  pool: ChildPool,
  job: SharedJob,
  options: SharingOptions,
  onPeak?: (rssBytes: number) => void,
): AsyncGenerator<unknown, void, undefined> {
  let peak = 0;
  const hear = (rssBytes: number) => {
    peak = Math.max(peak, rssBytes);
  };
  const sharing = new Sharing(pool, job, options, hear);
  const { source, argument, limits, signal } = job;
  const questions = { answer: (question: unknown) => sharing.answer(question as LeadQuestion), timed: true };
  try {
    yield* pool.run({ input: source, argument, limits, questions, ...(signal === undefined ? {} : { signal }) }, hear);
    await sharing.finish();
  } finally {
    await sharing.abandon();
    onPeak?.(peak);
  }
}

class Sharing {
  readonly #pool: ChildPool;
  readonly #job: SharedJob;
  readonly #options: SharingOptions;
  readonly #onPeak: (rssBytes: number) => void;
  readonly #helpers = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  #ledger: PageLedger | undefined;
  /** True when a helper did badly: none is asked any more. */
  #alone = false;

  constructor(pool: ChildPool, job: SharedJob, options: SharingOptions, onPeak: (rssBytes: number) => void) {
    this.#pool = pool;
    this.#job = job;
    this.#options = options;
    this.#onPeak = onPeak;
  }

  async answer(question: LeadQuestion): Promise<number | LeadAnswer> {
    if (question.ask === 'begin') {
      const ledger = new PageLedger(question.print, this.#options);
      this.#ledger = ledger;
      this.#lend(ledger);
      return ledger.ranges;
    }
    if (this.#ledger === undefined) throw new Error('a child asked for pages before it had said how many there are');
    this.#lend(this.#ledger);
    return await this.#ledger.next(question.waited, question.ahead);
  }

  /** Lets helpers end by themselves, so that they stay warm; one that still opens the document is not waited for long. */
  async finish(): Promise<void> {
    this.#ledger?.end();
    if (this.#helpers.size === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.graceMs);
    await Promise.race([Promise.all(this.#helpers), late]);
    clearTimeout(timer);
  }

  /** Kills the helpers that are left, and resolves when they are gone. */
  async abandon(): Promise<void> {
    this.#alone = true;
    this.#ledger?.end();
    this.#abort.abort(new Error('the document is done with'));
    await Promise.all(this.#helpers);
  }

  /** Takes a child that nobody else wants, where enough is left to read. */
  #lend(ledger: PageLedger): void {
    const { helpers, minPages, startMs } = this.#options;
    if (this.#alone || this.#helpers.size >= helpers || ledger.unclaimedPages < minPages) return;
    const { source, limits } = this.#job;
    const argument: HelpArgument = { help: 'pages', limits: limits.extract };
    let wanted = false;
    let reading: number | undefined;
    const answer = async (question: unknown) => {
      // What page-helper.ts asks, on the other end of a private pipe.
      if (!isSame(question as HelperQuestion, ledger)) {
        this.#alone = true;
        return null;
      }
      const range = await ledger.claim(() => wanted);
      reading = range?.index;
      return range ?? null;
    };
    const take = async (value: unknown) => {
      const { index, part } = value as HelperValue;
      await ledger.deliver({ index, part });
      if (part.last) reading = undefined;
    };
    const onWanted = () => {
      wanted = true;
      ledger.wake();
    };
    const done = this.#pool.lend(
      { input: source, argument, limits, signal: this.#abort.signal, questions: { answer, timed: false } },
      { start: ledger.expectedMs >= startMs, onWanted },
      take,
      this.#onPeak,
    );
    if (done === undefined) return;
    const helper = done
      .catch((error: unknown) => {
        // Before its first range it has spoilt nothing.
        this.#alone = true;
        if (reading !== undefined) ledger.fail(reading, error);
      })
      .finally(() => this.#helpers.delete(helper));
    this.#helpers.add(helper);
  }
}

/** The document may have been replaced between its two readings: pages of two documents must not be mixed. */
function isSame({ print }: HelperQuestion, ledger: PageLedger): boolean {
  const { pages, bytes, crc32 } = ledger.print;
  return print.pages === pages && print.bytes === bytes && print.crc32 === crc32;
}
