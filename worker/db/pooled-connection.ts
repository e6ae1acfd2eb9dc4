/** A connection of node-postgres' pool while somebody has it. */
import type pg from 'pg';
import { type Row, StatementTimeoutError, sqlState } from './database.ts';

/** Dispose it to give it back. One that is broken, or that has left a statement unanswered, is given to nobody else. */
export class PooledConnection implements Disposable {
  readonly #client: pg.PoolClient;
  readonly #timeoutMs: number;
  #broken: Error | undefined;
  // a connection that breaks between two statements has no query to tell; unheard, it would end the process
  readonly #onError = (error: Error) => this.giveUp(error);

  /**
   * Not by the pool's promise: between its answer and whoever awaits it a connection may break, with nobody to hear of it, and end the process.
   * @throws what the pool says when it has none to give
   */
  static take(pool: pg.Pool, timeoutMs: number): Promise<PooledConnection> {
    return new Promise((resolve, reject) => {
      pool.connect((error, client) => {
        if (client) resolve(new PooledConnection(client, timeoutMs));
        else reject(error);
      });
    });
  }

  private constructor(client: pg.PoolClient, timeoutMs: number) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    client.on('error', this.#onError);
  }

  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /** It is given to nobody else; the first error tells why. */
  giveUp(error: Error): void {
    this.#broken ??= error;
  }

  /** @throws StatementTimeoutError, and what the server or the connection says */
  async run<R extends Row>(statement: pg.QueryConfig): Promise<R[]> {
    try {
      return (await boundedQuery<R & pg.QueryResultRow>(this.#client, statement, this.#timeoutMs)).rows;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // else its stack would end where the answer was read from the socket
      Error.captureStackTrace(error, this.run);
      if (!leavesConnection(error)) this.giveUp(error);
      // what a broken client says of itself names no cause
      throw this.#broken ?? error;
    }
  }

  [Symbol.dispose](): void {
    this.#client.off('error', this.#onError);
    this.#client.release(this.#broken);
  }
}

/**
 * Whether the server has refused a statement and goes on as before: bad data, broken constraints, conflicts, no right, something in use or missing, time out,
 * what a function raised. All else costs the connection: its end, a prepared statement that no longer fits the table, a server that became
 * read-only. A level in another language than English does too.
 */
const leavesConnection = (error: Error): boolean =>
  /^(2[23]|40|42|55|P0)|^57014$/.test(sqlState(error) ?? '') && 'severity' in error && error.severity === 'ERROR';

/**
 * What node-postgres' `query_timeout` does, for a tenth of the work of the garbage collector. It assigns closures to a property of the query,
 * and V8 puts a function literal that is assigned to a property among the old objects at once: statement, parameters and rows are then kept
 * until the next full collection (decision 0016). With a callback and without its bound it does not.
 * @throws StatementTimeoutError, and what the server or the connection says
 */
export function boundedQuery<R extends pg.QueryResultRow>(
  client: pg.ClientBase,
  statement: pg.QueryConfig,
  timeoutMs: number,
): Promise<pg.QueryResult<R>> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new StatementTimeoutError(timeoutMs)), timeoutMs);
    client.query<R>(statement, (error, result) => {
      clearTimeout(late);
      if (error) reject(error);
      else resolve(result);
    });
  });
}
