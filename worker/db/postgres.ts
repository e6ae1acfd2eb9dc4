/** The node-postgres driver. */
import pg from 'pg';
import type { DatabaseTarget } from '../config/database-target.ts';
import { type Database, guard, type Row, type SqlValue, type Transaction } from './database.ts';
import { tlsOptions } from './tls.ts';

export interface PostgresOptions extends DatabaseTarget {
  readonly applicationName: string;
  /** How long a prepared statement keeps its plan; shorter in tests. */
  readonly planLifeMs?: number | undefined;
  /** Told of errors on idle connections, which have no caller. */
  readonly onError: (error: Error) => void;
}

const int8Oid = 20;
/** Our bigints are epochs, counts and byte sizes: all below 2^53, so a number serves and matches PGlite. */
const types = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === int8Oid ? Number : pg.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};

/** Most statements that are prepared; a text beyond them is parsed and planned each time. */
const maxPrepared = 300;
const names = new Map<string, string>();

/**
 * A statement by name: each connection parses and plans it once. Planning took as long as running for the ledger's own statements
 * (docs/decisions/0016). The texts of this program are constants, so they are few; those made at run time find the names taken.
 */
function prepared(text: string): { text: string; name?: string } {
  const known = names.get(text);
  if (known !== undefined) return { text, name: known };
  if (names.size === maxPrepared) return { text };
  const name = `m${names.size}`;
  names.set(text, name);
  return { text, name };
}

/**
 * A prepared statement keeps its plan until the table is analysed, and the ledger's table may be empty in one second and hold a hundred
 * thousand rows in the next: planned for the one, a round of the relay took 650 ms with the other. So plans live no longer than this.
 */
const usualPlanLifeMs = 5000;

/**
 * A commit that was answered is on the disk, whatever the server, the database or the role say: a weaker setting would lose accepted
 * tasks in a crash. A stronger one stays.
 */
const waitForTheDisk = `select set_config('synchronous_commit', 'on', false)
  where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')`;

export function openPostgres(options: PostgresOptions): Database {
  const pool = new pg.Pool({
    host: options.host,
    port: options.port,
    user: options.user,
    password: options.password,
    database: options.database,
    ...(options.tls === undefined ? {} : { ssl: tlsOptions(options.host, options.tls) }),
    application_name: options.applicationName,
    max: options.poolMax,
    min: 0,
    connectionTimeoutMillis: options.acquireTimeoutMs,
    maxLifetimeSeconds: options.recycleSeconds,
    statement_timeout: options.statementTimeoutMs,
    // The client's own bound stands above the server's, for a server that no longer answers at all.
    query_timeout: options.statementTimeoutMs + 5_000,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    keepAlive: true,
    types,
    // the pool waits for what it returns, and gives up a connection where it fails
    onConnect: async (client) => {
      await client.query(waitForTheDisk);
    },
  });
  pool.on('error', options.onError);
  const { planLifeMs = usualPlanLifeMs } = options;
  const plannedAt = new WeakMap<pg.PoolClient, number>();
  pool.on('acquire', (client) => {
    const now = performance.now();
    if (now - (plannedAt.get(client) ?? now - planLifeMs) < planLifeMs) return;
    plannedAt.set(client, now);
    // it goes before what the caller sends; a connection that is gone tells that one
    client.query('discard plans').catch(() => undefined);
  });

  const run = async <R extends Row>(client: pg.Pool | pg.PoolClient, text: string, params: readonly SqlValue[]) =>
    (await client.query<R & pg.QueryResultRow>({ ...prepared(text), values: [...params] })).rows;

  return guard({
    driver: 'postgres',
    query: (text, params) => run(pool, text, params),
    async transaction(work) {
      const client = await pool.connect();
      let broken: Error | undefined;
      // a connection that breaks between two statements has no query to tell; unheard, it would end the process
      const onBroken = (error: Error) => {
        broken ??= error;
      };
      client.on('error', onBroken);
      /** What a broken client says of itself names no cause. */
      const withCause = async <T>(statement: Promise<T>): Promise<T> => {
        try {
          return await statement;
        } catch (error) {
          throw broken ?? error;
        }
      };
      const tx: Transaction = {
        query: (text, params = []) => withCause(run(client, text, params)),
        script: async (text) => {
          await withCause(client.query(text));
        },
      };
      try {
        await withCause(client.query('begin'));
        const result = await work(tx);
        await withCause(client.query('commit'));
        return result;
      } catch (error) {
        await client.query('rollback').catch((rollbackError: Error) => {
          broken ??= rollbackError;
        });
        throw error;
      } finally {
        client.off('error', onBroken);
        client.release(broken);
      }
    },
    close: () => pool.end(),
  });
}
