import { setTimeout as wait } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { type Database, isTransientDatabaseError, migrate, sqlState, waitForSchema } from '../db/index.ts';
import { StartError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How long a starting process waits for a database that does not answer yet. */
const databaseWaitMs = 60_000;
const retryMs = 1000;

/** What Postgres says to a wrong role or password (class 28), and of a database that is not there. */
const refused = /^(28...|3D000)$/;

function refusal({ database }: Config, error: unknown): StartError | undefined {
  if (!database || !refused.test(sqlState(error) ?? '')) return undefined;
  return new StartError({
    code: 'database_refused',
    message: `Postgres at ${database.host}:${database.port} refuses the role ${database.user} on the database ${database.database}`,
    hint: 'Check DB_USERNAME, DB_PASSWORD and DB_DATABASE, and that the database was created.',
    cause: error,
  });
}

/**
 * Brings the schema to this release's, or waits until somebody else has (`MIGRATION_ENABLED=false`).
 * @throws StartError `database_unreachable`, `database_refused`, `schema_missing`, `migration_changed`
 */
export async function prepareSchema(config: Config, db: Database, log: Logger): Promise<void> {
  try {
    await bringSchema(config, db, log);
  } catch (error) {
    throw refusal(config, error) ?? error;
  }
}

async function bringSchema(config: Config, db: Database, log: Logger): Promise<void> {
  if (!config.migrate && config.mode !== 'migrate') return waitForSchema(db);
  const deadline = Date.now() + databaseWaitMs;
  for (;;) {
    try {
      const applied = await migrate(db);
      if (applied.length > 0) log.info({ migrations: applied.map((m) => m.name) }, 'migrated the database');
      return;
    } catch (error) {
      if (!isTransientDatabaseError(error)) throw error;
      if (Date.now() > deadline) {
        throw new StartError({
          code: 'database_unreachable',
          message: `The database at ${config.database?.host}:${config.database?.port} did not answer within ${databaseWaitMs / 1000} s.`,
          hint: 'Check DB_HOST, DB_PORT and whether Postgres is up.',
          cause: error,
        });
      }
      log.warn({ err: error }, 'the database does not answer yet');
      await wait(retryMs);
    }
  }
}
