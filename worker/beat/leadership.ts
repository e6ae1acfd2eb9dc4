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

  /** Undefined: another leads, or this one is not ready. A lease that is over for long may still stand here: the fence decides. */
  get lease(): Lease | undefined {
    return this.#entered ? this.#lease : undefined;
  }

  /** Call when the fence refused a claim of this lease. */
  lost(lease: Lease): void {
    if (this.#lease !== lease) return;
    this.#lease = undefined;
    this.#entered = false;
    this.#deps.log.warn({ term: lease.term }, 'this beat no longer leads');
    this.#deps.onChange(undefined);
  }

  async #round(): Promise<void> {
    const { db, name, log, onLead, onChange } = this.#deps;
    if (!this.#lease) {
      const askedAt = performance.now();
      const lease = await acquire(db, this.#holder, name);
      if (!lease) return;
      this.#lease = lease;
      this.#renewedAt = askedAt;
      log.info({ term: lease.term, lease_seconds: leaseSeconds }, 'this beat leads');
    } else if (performance.now() - this.#renewedAt >= renewMs) {
      const askedAt = performance.now();
      if (!(await renew(db, this.#lease))) return this.lost(this.#lease);
      this.#renewedAt = askedAt;
    }
    if (this.#entered || !this.#lease) return;
    await onLead(this.#lease);
    this.#entered = true;
    onChange(this.#lease);
  }

  /** Gives the lead up; call it when nothing is claimed any more. */
  async stop(): Promise<void> {
    await this.#loop.stop();
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
