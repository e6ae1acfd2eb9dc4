/** Databases of the doctor's suites. */
import { migrate, openPostgres } from '../../../worker/db/index.ts';
import type { RunningPostgres, SuiteDatabase } from '../../harness/postgres.ts';

/** Runs `work` on a database over a pool of its own. */
export async function on<T>(
  server: RunningPostgres,
  database: SuiteDatabase,
  work: (db: ReturnType<typeof openPostgres>) => Promise<T>,
): Promise<T> {
  const db = openPostgres({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: database.name,
    applicationName: 'doctor-test',
    poolMax: 2,
    acquireTimeoutMs: 10_000,
    recycleSeconds: 3600,
    statementTimeoutMs: 30_000,
    onError: () => undefined,
  });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** A database that holds all migrations. */
export async function migrated(server: RunningPostgres): Promise<SuiteDatabase> {
  const database = await server.createDatabase();
  await on(server, database, (db) => migrate(db));
  return database;
}
