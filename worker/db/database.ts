/**
 * The one face of the database. Two drivers stand behind it, node-postgres and PGlite; both speak the same SQL, return the
 * same JavaScript types (`int8` as number, `timestamptz` as Date, `jsonb` parsed) and refuse the same misuse.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { MillraceError } from '../errors.ts';

export type SqlValue = string | number | boolean | null | Date | Uint8Array | readonly string[] | readonly number[];
/** A row as the driver gives it. Callers name the columns they select; the shape is theirs to keep true. */
export type Row = object;

export interface Queryable {
  /** Runs one parameterised statement (`$1`, `$2`, …) and returns its rows. */
  query<R extends Row>(text: string, params?: readonly SqlValue[]): Promise<R[]>;
}

export interface Transaction extends Queryable {
  /** Runs several statements without parameters: migrations only. */
  script(text: string): Promise<void>;
}

export interface Database extends Queryable {
  readonly driver: 'postgres' | 'pglite';
  /**
   * Runs `work` in one transaction: commits when it returns, rolls back when it throws. Nothing slow (I/O, timers) belongs
   * inside. A query on the outer database while a transaction of the same call chain is open throws `query_outside_tx`: on
   * PGlite's one session it would wait for itself for ever, and on Postgres it would not see the transaction's rows.
   */
  tx<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** What a driver has to bring; `guard` adds the rule against queries outside an open transaction. */
export interface Driver {
  readonly driver: Database['driver'];
  query<R extends Row>(text: string, params: readonly SqlValue[]): Promise<R[]>;
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function guard(driver: Driver): Database {
  const inTransaction = new AsyncLocalStorage<{ open: boolean }>();
  const refuseWhenOpen = () => {
    if (inTransaction.getStore()?.open) {
      throw new MillraceError({
        code: 'query_outside_tx',
        message: 'A query was sent to the database while a transaction of the same call chain is open.',
        hint: 'Pass the transaction on and query it instead.',
      });
    }
  };
  return {
    driver: driver.driver,
    async query<R extends Row>(text: string, params: readonly SqlValue[] = []) {
      refuseWhenOpen();
      return driver.query<R>(text, params);
    },
    async tx(work) {
      refuseWhenOpen();
      const state = { open: true };
      return driver.transaction((tx) =>
        inTransaction.run(state, async () => {
          try {
            return await work(tx);
          } finally {
            state.open = false;
          }
        }),
      );
    },
    close: () => driver.close(),
  };
}

/** The SQLSTATE of a database error, through wrapped causes, or undefined. */
export function sqlState(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    if (/^[0-9A-Z]{5}$/.test(code) && !networkErrors.has(code)) return code;
  }
  return undefined;
}

/** A connection did not answer in time. It is of no use any more: the answer may still come, and all that is sent later would wait behind it. */
export class StatementTimeoutError extends Error {
  override readonly name = 'StatementTimeoutError';

  constructor(timeoutMs: number) {
    super(`The database did not answer within ${timeoutMs / 1000} s.`);
  }
}

const networkErrors: ReadonlySet<string> = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'],
  // the host or the pod is gone, or the way to it
  ...['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN'],
]);
/** Serialisation, deadlock, a statement that was ended, and a server that takes no writes (it is no primary any more, or not yet). */
const passingStates: ReadonlySet<string> = new Set(['40001', '40P01', '57014', '25006']);

/**
 * Whether the database could not be reached or was not able to answer, so that the same statement may go through later.
 * SQLSTATE classes 08 (connection), 53 (resources), 57P0x (shutdown), and some that pass by themselves.
 */
export function isTransientDatabaseError(thrown: unknown): boolean {
  const state = sqlState(thrown);
  if (state !== undefined) return /^(08|53|57P0)/.test(state) || passingStates.has(state);
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string' && networkErrors.has(error.code)) return true;
    if (error instanceof StatementTimeoutError) return true;
    if (/Connection terminated|timeout exceeded when trying to connect/.test(error.message)) return true;
  }
  return false;
}
