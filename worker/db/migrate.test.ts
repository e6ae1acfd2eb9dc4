import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from './database.ts';
import { type Migration, migrate, readMigrations, waitForSchema } from './migrate.ts';
import { openPglite } from './pglite.ts';

let db: Database;
beforeAll(async () => {
  db = await openPglite(undefined);
}, 60_000);
afterAll(() => db.close());
// an empty database for each test, in less than opening another takes
beforeEach(() => db.tx((tx) => tx.script('drop schema public cascade; create schema public')));

const migration = (version: number, sql: string): Migration => ({
  version,
  name: `step_${version}`,
  sql,
  sha256: createHash('sha256').update(sql).digest('hex'),
});
const first = migration(1, 'create table one (n int); insert into one values (1)');
const second = migration(2, 'insert into one values (2)');
const versions = (applied: readonly Migration[]) => applied.map(({ version }) => version);
const rows = async () => (await db.query<{ n: number }>('select n from one order by n')).map(({ n }) => n);

it('should apply what is missing, in order, once each', async () => {
  expect(versions(await migrate(db, [first]))).toEqual([1]);
  expect(versions(await migrate(db, [first, second]))).toEqual([2]);
  expect(versions(await migrate(db, [first, second]))).toEqual([]);
  expect(await rows()).toEqual([1, 2]);
});

it('should find nothing to do beside its twin', async () => {
  const applied = await Promise.all([1, 2, 3].map(() => migrate(db, [first, second])));
  expect(applied.map(versions).sort((a, b) => b.length - a.length)).toEqual([[1, 2], [], []]);
  expect(await rows()).toEqual([1, 2]);
});

it('should refuse a migration that was edited after it was applied, and change nothing', async () => {
  await migrate(db, [first]);
  const edited = migration(1, 'create table one (n bigint)');
  await expect(migrate(db, [edited, second])).rejects.toMatchObject({
    code: 'migration_changed',
    message: 'Migration 1 (step_1) was applied to this database with other contents.',
  });
  expect(await rows()).toEqual([1]);
});

it('should keep nothing of a run of which one migration failed', async () => {
  await expect(migrate(db, [first, migration(2, 'insert into nowhere values (1)')])).rejects.toThrow(/nowhere/);
  await expect(db.query('select * from one')).rejects.toThrow(/"one" does not exist/);
  expect(versions(await migrate(db, [first, second]))).toEqual([1, 2]);
});

it('should bring the schema of this release, and wait for no longer than it takes', async () => {
  const all = await readMigrations();
  expect(versions(all)).toEqual(all.map((_, index) => index + 1));
  expect(versions(await migrate(db))).toEqual(versions(all));
  await waitForSchema(db, 0);
});

it('should say how far the schema is when nobody brings it in time', async () => {
  const wanted = (await readMigrations()).length;
  await expect(waitForSchema(db, 50)).rejects.toMatchObject({
    code: 'schema_missing',
    message: `The database schema was not ready within 0.05 s (0 of ${wanted} migrations applied).`,
    hint: expect.stringContaining('MODE=migrate'),
  });
  await migrate(db, (await readMigrations()).slice(0, 1));
  await expect(waitForSchema(db, 0)).rejects.toThrow(`(1 of ${wanted} migrations applied)`);
});

it('should go on when somebody else brings the schema while it waits', async () => {
  const waiting = waitForSchema(db, 20_000);
  await migrate(db);
  await waiting;
});

it('should not wait for what no waiting mends', async () => {
  await db.tx((tx) => tx.script('create view millrace_migrations as select 1 / (random() * 0)::int as version'));
  await expect(waitForSchema(db, 60_000)).rejects.toThrow(/division by zero/);
});

it('should refuse files that are not named as migrations are, and two of one number', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-migrations-'));
  const url = pathToFileURL(`${folder}/`);
  try {
    await writeFile(join(folder, '0001_one.sql'), 'select 1');
    await writeFile(join(folder, 'notes.md'), 'not a migration');
    expect((await readMigrations(url)).map(({ version, name }) => ({ version, name }))).toEqual([
      { version: 1, name: 'one' },
    ]);
    await writeFile(join(folder, '0001_other.sql'), 'select 2');
    await expect(readMigrations(url)).rejects.toThrow(/number 1;/);
    await rm(join(folder, '0001_other.sql'));
    for (const name of ['2_two.sql', '0002-two.sql', '0002_Two.sql', '0002_.sql']) {
      await writeFile(join(folder, name), 'select 2');
      await expect(readMigrations(url), name).rejects.toThrow(`Migration ${name} is not named NNNN_name.sql.`);
      await rm(join(folder, name));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
