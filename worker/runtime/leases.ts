/** The runs of a process: keeps their leases, and tells each when it has lost its own. */
import type { Database } from '../db/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Bag } from './bag.ts';
import { claimKey, giveBackUnknown, leaseSeconds, renewLeases, stallMs, stillHeld } from './ledger/claim.ts';
import type { Fence } from './ledger/rows.ts';
import { type Loop, startLoop } from './loop.ts';

/** How often runs ask whether they are still theirs: a cancel is heard within this, and a bit. */
const checkIntervalMs = 1000;
/**
 * At the first check after this the leases are renewed instead: each 8 s of 30, so that three renewals may fail. By the clock and not by a number
 * of checks, each of which may wait seconds for a connection or its answer.
 */
const renewalMs = 8000;
/** For so long after a claim gave no answer, rows are looked for that it took all the same. Above the age at which they count. */
const doubtMs = 6000;

export interface HeldRun {
  readonly fence: Fence;
  /** Called once when the row is no longer held: cancelled, timed out, or taken over. */
  readonly lost: () => void;
}

export class Leases {
  readonly #runs = new Bag<HeldRun>();
  readonly #loop: Loop;
  #heardAt = Date.now();
  #doubtedAt: number | undefined;
  readonly #quietUntil: number;
  #awayAt: number | undefined;

  /** @param quietMs for so long `mayTakeOver` is false: the database may have been away until just now */
  constructor(db: Database, owner: string, log: Logger, quietMs = 0) {
    this.#quietUntil = Date.now() + quietMs;
    let renewedAt = performance.now();
    const check = async () => {
      const runs = [...this.#runs];
      await this.#settleDoubt(db, owner, log);
      const askedAt = performance.now();
      const renew = askedAt - renewedAt >= renewalMs;
      if (runs.length === 0) {
        // an outage counts for who idles too: leases of others may have lapsed in it
        if (renew) {
          await db.query('select 1');
          renewedAt = askedAt;
        }
        this.#heardAt = Date.now();
        return;
      }
      const fences = runs.map((run) => run.fence);
      const { held, complete } = renew
        ? await renewLeases(db, owner, fences)
        : { held: await stillHeld(db, owner, fences), complete: false };
      // what was locked is tried again at the next check
      if (complete) renewedAt = askedAt;
      this.#heardAt = Date.now();
      for (const run of runs) {
        // a run may have ended meanwhile: then its row is gone for a good reason
        if (!held.has(claimKey(run.fence)) && this.#runs.delete(run)) run.lost();
      }
    };
    const round = async () => {
      const askedAt = performance.now();
      try {
        await check();
        if (performance.now() - askedAt > stallMs) this.#awayAt = Date.now();
        return undefined;
      } catch (error) {
        this.#awayAt = Date.now();
        throw error;
      }
    };
    this.#loop = startLoop({ name: 'lease keeper', intervalMs: checkIntervalMs, log, round });
  }

  /** Whether the database has confirmed the claims within a lease: without, somebody else may have taken them over. */
  get confirmed(): boolean {
    return Date.now() - this.#heardAt < leaseSeconds * 1000;
  }

  /**
   * Whether leases that are over may be taken over by a claim: not for the length of one after the database was away, for every lease
   * may have lapsed under a worker that lives. It gets the time to renew.
   */
  get mayTakeOver(): boolean {
    if (Date.now() < this.#quietUntil) return false;
    return this.#awayAt === undefined || Date.now() - this.#awayAt > leaseSeconds * 1000;
  }

  /** Call when a claim gave no answer: it may have been let in, and nobody would run what it took until its lease is over. */
  doubt(): void {
    this.#doubtedAt = Date.now();
    this.#awayAt = this.#doubtedAt;
  }

  async #settleDoubt(db: Database, owner: string, log: Logger): Promise<void> {
    const doubtedAt = this.#doubtedAt;
    if (doubtedAt === undefined) return;
    const known = [...this.#runs].map((run) => run.fence);
    const tasks = await giveBackUnknown(db, owner, known);
    if (tasks > 0) log.info({ tasks }, 'gave back tasks whose claim was let in without an answer');
    if (Date.now() - doubtedAt > doubtMs && this.#doubtedAt === doubtedAt) this.#doubtedAt = undefined;
  }

  hold(run: HeldRun): Disposable {
    this.#runs.add(run);
    return { [Symbol.dispose]: () => void this.#runs.delete(run) };
  }

  /** Call after the last run has ended: a lease that nobody renews lapses. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
