/** The node-postgres driver. */
import pg from 'pg';
import type { DatabaseTarget } from '../config/database-target.ts';
import { type Database, guard, type Row, type SqlValue, type Transaction } from './database.ts';
import { boundedQuery, PooledConnection } from './pooled-connection.ts';
import { tlsOptions } from './tls.ts';

export interface PostgresOptions extends DatabaseTarget {
  readonly applicationName: string;
  /** For how long a server that has not ended a statement in time may still say so; shorter in tests. */
  readonly silentMs?: number | undefined;
  /** How long a prepared statement keeps its plan; shorter in tests. */
  readonly planLifeMs?: number | undefined;
  /** Statements are planned for any arguments, once a plan's life, and read no table without an index: for those that find rows by their ids. */
  readonly fixedPlans?: boolean | undefined;
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
 * Of a session. A commit that was answered is on the disk, whatever the server, the database or the role say: a weaker setting would lose
 * accepted tasks in a crash. A stronger one stays. And no statement of ours is so long that it gains by parallel workers or compiled
 * expressions: once the ledger's table has a few thousand pages the planner begins a look at the window, five times a second in each process, with
 * two new processes of the server, for 6 to 20 ms instead of 0.05 (docs/decisions/0016).
 */
const settings = `select set_config('max_parallel_workers_per_gather', '0', false), set_config('jit', 'off', false),
  case when current_setting('synchronous_commit') in ('off', 'local', 'remote_write') then set_config('synchronous_commit', 'on', false) end`;

/**
 * Left to itself the server plans a claim of ten tasks anew each time (0.2 ms) while the ledger's table is larger than it was when the session
 * began, since it compares what plans cost then.
 */
const fixedPlans = `select set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false)`;

/** The client's own bound stands so far above the server's, for a server that no longer answers at all. */
const usualSilentMs = 5000;

export function openPostgres(options: PostgresOptions): Database {
  const timeoutMs = options.statementTimeoutMs + (options.silentMs ?? usualSilentMs);
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
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    keepAlive: true,
    types,
    // the pool waits for what it returns, and gives up a connection where it fails
    onConnect: async (client) => {
      await boundedQuery(client, { text: settings }, timeoutMs);
      if (options.fixedPlans) await boundedQuery(client, { text: fixedPlans }, timeoutMs);
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
    boundedQuery(client, { text: 'discard plans' }, timeoutMs).catch(() => undefined);
  });

  const run = <R extends Row>(connection: PooledConnection, text: string, params: readonly SqlValue[]) =>
    connection.run<R>({ ...prepared(text), values: [...params] });

  return guard({
    driver: 'postgres',
    async query(text, params) {
      using connection = await PooledConnection.take(pool, timeoutMs);
      return await run(connection, text, params);
    },
    async transaction(work) {
      using connection = await PooledConnection.take(pool, timeoutMs);
      const tx: Transaction = {
        query: (text, params = []) => run(connection, text, params),
        script: async (text) => {
          await connection.run({ text });
        },
      };
      try {
        await connection.run({ text: 'begin' });
        const result = await work(tx);
        await connection.run({ text: 'commit' });
        return result;
      } catch (error) {
        if (!connection.broken)
          await connection.run({ text: 'rollback' }).catch((refused) => connection.giveUp(refused));
        throw error;
      }
    },
    close: () => pool.end(),
  });
}
