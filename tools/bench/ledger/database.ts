/** A Postgres of its own for the plans: filled fast, with the settings of the server otherwise as they come. */

import { postgresServer } from '../../../test/harness/postgres.ts';
import { type Database, migrate, openPostgres } from '../../../worker/db/index.ts';
import { ensurePartitions } from '../../../worker/runtime/index.ts';

/** One statement fills a day of the largest ledger. */
const statementTimeoutMs = 3_600_000;

/** For the fill alone: rows that come with their table are not logged, and nothing is vacuumed meanwhile. */
const settings = {
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '4GB',
  checkpoint_timeout: '30min',
  autovacuum: 'off',
  maintenance_work_mem: '512MB',
  // one core of two is left to others
  max_parallel_maintenance_workers: '0',
  // what a production server would have for such a ledger
  shared_buffers: '512MB',
};

export interface BenchLedger extends AsyncDisposable {
  readonly db: Database;
}

export async function openLedger(): Promise<BenchLedger> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await postgresServer.start({ settings }));
  const { host, port, user, password } = server;
  const database = await server.createDatabase();
  const db = openPostgres({
    host,
    port,
    user,
    password,
    database: database.name,
    applicationName: 'bench-ledger',
    poolMax: 2,
    acquireTimeoutMs: 10_000,
    recycleSeconds: 0,
    statementTimeoutMs,
    onError: () => undefined,
  });
  stack.defer(() => db.close());
  await migrate(db);
  await ensurePartitions(db);
  const opened = stack.move();
  return { db, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

export interface LedgerSizes {
  readonly finishedBytes: number;
  readonly liveBytes: number;
  readonly version: string;
}

/** Tables with their indexes. */
export async function ledgerSizes(db: Database): Promise<LedgerSizes> {
  const [sizes] = await db.query<LedgerSizes>(
    `select (select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'tasks_finished'::regclass)::float8
              as "finishedBytes",
            pg_total_relation_size('tasks_live')::float8 as "liveBytes", current_setting('server_version') as version`,
  );
  if (!sizes) throw new Error('a select without a from gave no row');
  return sizes;
}
