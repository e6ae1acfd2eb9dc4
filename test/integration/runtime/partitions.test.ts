/** A day's partition is made beside whatever else reads the ledger, a backup above all. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensurePartitions } from '../../../worker/runtime/index.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../../harness/databases.ts';

/** The time that is waited for the lock (2 s), and what a busy machine adds. */
const waitedMs = 8000;

let server: DatabaseKind;
let database: TestDatabase;

beforeAll(async () => {
  server = await databaseKinds.postgres();
  database = await server.open();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

it('should be put off while somebody stands in its way, hold up nobody for long, and be made at the next round', async () => {
  const { db } = database;
  await ensurePartitions(db);
  const [newest] = await db.query<{ name: string }>(
    `select relname as name from pg_class where relname ~ '^tasks_finished_[0-9]{8}$' and relkind = 'r' order by relname desc limit 1`,
  );
  const name = newest?.name ?? '';
  const there = async () => (await db.query('select 1 from pg_class where relname = $1', [name])).length > 0;
  await db.tx((tx) => tx.script(`drop table ${name}`));
  const locked = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const reading = db.tx(async (tx) => {
    await tx.script('lock table tasks_finished in access share mode');
    locked.resolve();
    await done.promise;
  });
  await locked.promise;
  try {
    const startedAt = performance.now();
    const making = ensurePartitions(db);
    await db.query('select count(*) from tasks');
    await making;
    expect(performance.now() - startedAt).toBeLessThan(waitedMs);
    expect(await there()).toBe(false);
  } finally {
    done.resolve();
    await reading;
  }
  await ensurePartitions(db);
  expect(await there()).toBe(true);
});
