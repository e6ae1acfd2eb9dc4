/** Stands by for the lead, keeps it while it can, and knows when it is lost. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../db/index.ts';
import { type Loop, startLoop } from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { acquire, type Lease, leaseSeconds, release, renew } from './lease.ts';

/** How often a beat that stands by looks whether the lead is free: with the lease of 15 s a takeover takes 16 to 17. */
const standbyMs = 1000;
/** Renewed so often, two renewals may fail. */
const renewMs = 5000;

export interface LeadershipDeps {
  readonly db: Database;
  readonly name: string;
  readonly log: Logger;
  /** Called with each new lead, before it is used; when it throws the lead is kept and the call repeated. */
  readonly onLead: (lease: Lease) => Promise<void>;
  /** Told of each change. */
  readonly onChange: (lease: Lease | undefined) => void;
}

export class Leadership {
  readonly #deps: LeadershipDeps;
  readonly #holder = randomUUID();
  readonly #loop: Loop;
  #lease: Lease | undefined;
  #entered = false;
  #renewedAt = 0;
  #expiry: NodeJS.Timeout | undefined;

  constructor(deps: LeadershipDeps) {
    this.#deps = deps;
    this.#loop = startLoop({
      name: 'beat lead',
      intervalMs: standbyMs,
      log: deps.log,
      round: async () => {
        await this.#round();
        return undefined;
      },
    });
  }

  /** Undefined: another leads, or this one is not ready. By its own clock a beat only knows that it is over: the fence decides. */
  get lease(): Lease | undefined {
    return this.#entered ? this.#lease : undefined;
  }

  /** Call when the fence refused a claim of this lease. */
  lost(lease: Lease): void {
    if (this.#lease !== lease) return;
    this.#lease = undefined;
    this.#entered = false;
    clearTimeout(this.#expiry);
    this.#deps.log.warn({ term: lease.term }, 'this beat no longer leads');
    this.#deps.onChange(undefined);
  }

  async #round(): Promise<void> {
    const { db, name, log, onLead, onChange } = this.#deps;
    const known = this.#lease;
    if (!known) {
      const askedAt = performance.now();
      const taken = await acquire(db, this.#holder, name);
      if (!taken) return;
      this.#hold(taken, askedAt);
      log.info({ term: taken.term, lease_seconds: leaseSeconds }, 'this beat leads');
    } else if (performance.now() - this.#renewedAt >= renewMs) {
      const askedAt = performance.now();
      if (!(await renew(db, known))) return this.lost(known);
      // given up while the answer was on its way: the next round takes a new term
      if (this.#lease !== known) return;
      this.#hold(known, askedAt);
    }
    const lease = this.#lease;
    if (this.#entered || !lease) return;
    await onLead(lease);
    if (this.#lease !== lease) return;
    this.#entered = true;
    onChange(lease);
  }

  /** Counts the lease from before it was asked for; a leader that hears nothing more knows by this that it is over. */
  #hold(lease: Lease, askedAt: number): void {
    this.#lease = lease;
    this.#renewedAt = askedAt;
    clearTimeout(this.#expiry);
    const leftMs = askedAt + leaseSeconds * 1000 - performance.now();
    this.#expiry = setTimeout(() => this.lost(lease), leftMs).unref();
  }

  /** Gives the lead up; call it when nothing is claimed any more. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    clearTimeout(this.#expiry);
    const lease = this.#lease;
    if (!lease) return;
    this.#lease = undefined;
    try {
      await release(this.#deps.db, lease);
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'the lead could not be given up; its lease ends it');
    }
  }
}
