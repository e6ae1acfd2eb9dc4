/** Versioned SQL files, applied once each, in order, under one lock, all in one transaction. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { StartError } from '../errors.ts';
import { type Database, isTransientDatabaseError, sqlState } from './database.ts';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly sha256: string;
}

const migrationsFolder = new URL('./migrations/', import.meta.url);
/** Any constant serves, so long as every release uses the same. */
const migrationLockKey = 7_239_460_121;

/** The migrations this release brings, by version. Files are named `0001_name.sql`. */
export async function readMigrations(folder: URL = migrationsFolder): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  const migrations = await Promise.all(
    files.map(async (file) => {
      const match = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file);
      if (!match?.[1] || !match[2]) throw new Error(`Migration ${file} is not named NNNN_name.sql.`);
      const sql = await readFile(new URL(file, folder), 'utf8');
      return { version: Number(match[1]), name: match[2], sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
  const twice = migrations.find(({ version }, index) => migrations[index - 1]?.version === version);
  if (twice)
    throw new Error(`Two migrations have the number ${twice.version}; the later one takes the next free number.`);
  return migrations;
}

/**
 * Applies what is missing and returns it. Safe beside its twins: the second waits for the lock and then finds nothing to do.
 * @throws StartError `migration_changed` when a file that was applied has since been edited.
 */
export async function migrate(db: Database, migrations?: readonly Migration[]): Promise<Migration[]> {
  const all = migrations ?? (await readMigrations());
  return db.tx(async (tx) => {
    await tx.query(`select set_config('statement_timeout', '0', true)`);
    await tx.query('select pg_advisory_xact_lock($1)', [migrationLockKey]);
    await tx.script(
      `create table if not exists millrace_migrations (
         version integer primary key, name text not null, sha256 text not null,
         applied_at timestamptz not null default now())`,
    );
    const applied = await tx.query<{ version: number; sha256: string }>(
      'select version, sha256 from millrace_migrations',
    );
    const known = new Map(applied.map((row) => [row.version, row.sha256]));
    const changed = all.find((m) => known.has(m.version) && known.get(m.version) !== m.sha256);
    if (changed) {
      throw new StartError({
        code: 'migration_changed',
        message: `Migration ${changed.version} (${changed.name}) was applied to this database with other contents.`,
        hint: 'Use the release that made this database, or bring the change as a new migration.',
      });
    }
    const missing = all.filter((m) => !known.has(m.version));
    for (const migration of missing) {
      await tx.script(migration.sql);
      await tx.query('insert into millrace_migrations (version, name, sha256) values ($1, $2, $3)', [
        migration.version,
        migration.name,
        migration.sha256,
      ]);
    }
    return missing;
  });
}

/** How long a process with MIGRATION_ENABLED=false waits for somebody else to migrate. */
export const schemaWaitMs = 60_000;
const schemaPollMs = 500;
const undefinedTable = '42P01';

/**
 * Waits until the database holds every migration of this release.
 * @throws StartError `schema_missing` when that takes longer than `timeoutMs`.
 */
export async function waitForSchema(db: Database, timeoutMs = schemaWaitMs): Promise<void> {
  const wanted = (await readMigrations()).length;
  const deadline = Date.now() + timeoutMs;
  let last = 'no answer yet';
  for (;;) {
    try {
      const [row] = await db.query<{ count: number }>('select count(*)::int as count from millrace_migrations');
      if (row && row.count >= wanted) return;
      last = `${row?.count ?? 0} of ${wanted} migrations applied`;
    } catch (error) {
      if (sqlState(error) === undefinedTable) last = `0 of ${wanted} migrations applied`;
      else if (isTransientDatabaseError(error)) last = error instanceof Error ? error.message : String(error);
      else throw error;
    }
    if (Date.now() >= deadline) {
      throw new StartError({
        code: 'schema_missing',
        message: `The database schema was not ready within ${timeoutMs / 1000} s (${last}).`,
        hint: 'Run MODE=migrate once, or set MIGRATION_ENABLED=true.',
      });
    }
    await wait(schemaPollMs);
  }
}
