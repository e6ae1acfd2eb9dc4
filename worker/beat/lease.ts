/**
 * Who may fire slots: one holder at a time, by a lease on the database's clock, in a term that rises with every takeover. A claim
 * holds the leader's row (for key share), so that a takeover comes before it or after it, never in its middle.
 */
import type { Database, Transaction } from '../db/index.ts';

/** A leader that says nothing for so long is followed by another beat. */
export const leaseSeconds = 15;
/** A claim that stands still for so long is ended by the server: a frozen leader must not hold up its successor. */
const idleClaimMs = 5000;

export interface Lease {
  readonly holder: string;
  readonly term: number;
  /** For people: host and process. */
  readonly name: string;
}

/** Takes the lead if nobody's lease runs, or this holder's own, of whose answer it did not hear: in a new term either way. */
export async function acquire(db: Database, holder: string, name: string): Promise<Lease | undefined> {
  const [row] = await db.query<{ term: number }>(
    `update beat_leader set term = term + 1, holder = $1, name = $2, since = clock_timestamp(),
            lease_until = clock_timestamp() + make_interval(secs => $3)
      where lease_until <= clock_timestamp() or holder = $1 returning term`,
    [holder, name, leaseSeconds],
  );
  return row && { holder, name, term: row.term };
}

/** False: the lease lapsed or another leads. Passes claims that are under way, since it leaves the row's key as it is. */
export async function renew(db: Database, { holder, term }: Lease): Promise<boolean> {
  const rows = await db.query(
    `update beat_leader set lease_until = clock_timestamp() + make_interval(secs => $3)
      where term = $1 and holder = $2 and lease_until > clock_timestamp() returning term`,
    [term, holder, leaseSeconds],
  );
  return rows.length > 0;
}

/** Gives the lead up, so that nobody waits for the end of the lease. */
export async function release(db: Database, { holder, term }: Lease): Promise<void> {
  await db.query('update beat_leader set lease_until = clock_timestamp() where term = $1 and holder = $2', [
    term,
    holder,
  ]);
}

/** Ends whatever lease runs: where its holder is known to be gone. */
export async function endLease(db: Database): Promise<void> {
  await db.query('update beat_leader set lease_until = clock_timestamp() where lease_until > clock_timestamp()');
}

/** The lease lapsed, or another leads: nothing was fired. */
export class NotLeaderError extends Error {
  override readonly name = 'NotLeaderError';
}

/**
 * The fence: call it first in the transaction of a claim.
 * @throws NotLeaderError
 */
export async function holdLead(tx: Transaction, { holder, term }: Lease): Promise<void> {
  const rows = await tx.query(
    `select set_config('idle_in_transaction_session_timeout', '${idleClaimMs}', true) from beat_leader
      where term = $1 and holder = $2 and lease_until > clock_timestamp() for key share`,
    [term, holder],
  );
  if (rows.length === 0) throw new NotLeaderError(`the lead of term ${term} is over`);
}
