import { setTimeout as wait } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { type Database, isTransientDatabaseError, migrate, waitForSchema } from '../db/index.ts';
import { StartError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How long a starting process waits for a database that does not answer yet. */
const databaseWaitMs = 60_000;
const retryMs = 1000;

/**
 * Brings the schema to this release's, or waits until somebody else has (`MIGRATION_ENABLED=false`).
 * @throws StartError `database_unreachable`, `schema_missing`, `migration_changed`
 */
export async function prepareSchema(config: Config, db: Database, log: Logger): Promise<void> {
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
