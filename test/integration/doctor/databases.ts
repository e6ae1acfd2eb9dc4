/** Databases of the doctor's suites. */
import { type Database, migrate } from '../../../worker/db/index.ts';
import { openDatabase } from '../../harness/database-address.ts';
import type { RunningPostgres, SuiteDatabase } from '../../harness/postgres.ts';

/** Runs `work` on a database over connections of its own. */
export async function on<T>({ address }: SuiteDatabase, work: (db: Database) => Promise<T>): Promise<T> {
  const db = openDatabase(address, { poolMax: 2 });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** A database that holds all migrations. */
export async function migrated(server: RunningPostgres): Promise<SuiteDatabase> {
  const database = await server.createDatabase();
  await on(database, (db) => migrate(db));
  return database;
}
