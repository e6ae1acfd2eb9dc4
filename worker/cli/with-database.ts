/** The database of the environment, for commands that work on it without a running Millrace. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { databaseStartError } from '../boot/database-errors.ts';
import { type Config, readConfig } from '../config/config.ts';
import type { RawEnvironment } from '../config/environment.ts';
import { type Database, isTransientDatabaseError, openPglite, openPostgres, sqlState } from '../db/index.ts';
import { openDataFolder } from '../embedded/data-folder.ts';
import { StartError } from '../errors.ts';
import { createLogger } from '../telemetry/logger.ts';

const undefinedTable = '42P01';

/**
 * Opens the database, lets `work` use it, and closes it.
 * @throws StartError `config_invalid`, `database_unreachable`, `database_refused`, `database_damaged`, `schema_missing`; of the
 * embedded one also `data_folder_locked` while it is in use, and `database_not_there`
 */
export async function withDatabase<T>(env: RawEnvironment, work: (db: Database) => Promise<T>): Promise<T> {
  const config = readConfig(env);
  await using stack = new AsyncDisposableStack();
  try {
    return await work(await open(config, stack));
  } catch (error) {
    throw explained(config, error);
  }
}

async function open(config: Config, stack: AsyncDisposableStack): Promise<Database> {
  const db = config.database
    ? openPostgres({
        ...config.database,
        poolMax: 1,
        applicationName: 'millrace-command',
        // whoever waits for an answer hears of it too
        onError: () => undefined,
      })
    : await openEmbedded(config.home, stack);
  stack.defer(() => db.close());
  return db;
}

async function openEmbedded(home: string, stack: AsyncDisposableStack): Promise<Database> {
  if (!existsSync(join(home, 'pglite', 'PG_VERSION'))) {
    throw new StartError({
      code: 'database_not_there',
      message: `There is no embedded database in ${home}.`,
      hint: 'Start Millrace once, or set MILLRACE_HOME to its data folder, or the DB_* variables to its Postgres.',
    });
  }
  const folder = await openDataFolder(home, createLogger({ level: 'error' }));
  stack.defer(() => folder.release());
  return openPglite(folder.database);
}

function explained(config: Config, error: unknown): unknown {
  if (error instanceof StartError) {
    if (error.code !== 'data_folder_locked') return error;
    return new StartError({
      code: error.code,
      message: error.message,
      hint: 'The embedded database takes one process at a time: stop that one, run this again, and start it. With Postgres (DB_HOST) both run at once.',
    });
  }
  if (sqlState(error) === undefinedTable) {
    return new StartError({
      code: 'schema_missing',
      message: 'The database holds no tables of Millrace.',
      hint: 'Check DB_DATABASE, or run MODE=migrate once.',
    });
  }
  const { database } = config;
  if (database && isTransientDatabaseError(error)) {
    return new StartError({
      code: 'database_unreachable',
      message: `The database at ${database.host}:${database.port} did not answer.`,
      hint: 'Check DB_HOST, DB_PORT and whether Postgres is up.',
      cause: error,
    });
  }
  return databaseStartError(config, error) ?? error;
}
