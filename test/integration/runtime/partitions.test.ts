/** A day's partition is made, and old rows go, beside whatever else is done with the ledger. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensurePartitions, ledger, removeFinished, retryDeadLetters } from '../../../worker/runtime/index.ts';
import { openDatabase } from '../../harness/database-address.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { until } from '../../harness/until.ts';

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

it('should leave its effect keys to a dead letter that is retried while it was about to go', async () => {
  const { db } = database;
  const tenantId = randomUUID();
  const [task] = await ledger.acceptTasks(db, [{ name: 'noted', queue: 'fast_tasks', tenantId, payload: '{}' }]);
  const id = task?.id ?? '';
  const [claimed] = await ledger.claimTasks(db, [id], randomUUID(), 'test');
  if (!claimed) throw new Error('a new row is there to be claimed');
  await ledger.runEffect(db, claimed.fence, 'row', async () => true);
  const error = { code: 'test', message: 'It went wrong.', at: new Date().toISOString(), attempt: 0 };
  await ledger.failTask(db, claimed.fence, error, 'FAILED');
  // where no day has its partition
  await db.query(`update tasks_finished set finished_at = '2020-01-01T12:00:00Z' where id = $1`, [id]);
  const { address } = database;
  if (!address) throw new Error('expected a Postgres with an address');
  const other = openDatabase(address, { poolMax: 2 });
  const waits = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%tasks_finished_default%'`;
  try {
    const retried = Promise.withResolvers<void>();
    const looked = Promise.withResolvers<void>();
    const retrying = db.tx(async (tx) => {
      expect(await retryDeadLetters(tx, tenantId, { id }, 1)).toEqual([id]);
      retried.resolve();
      await looked.promise;
    });
    // a retry that is refused tells so
    await Promise.race([retried.promise, retrying]);
    let over = false;
    const removing = removeFinished(other, 86_400).finally(() => {
      over = true;
    });
    await until(
      'it is done, or waits for the retry',
      10_000,
      async () => over || (await other.query(waits)).length > 0,
    );
    looked.resolve();
    await Promise.all([retrying, removing]);
  } finally {
    await other.close();
  }
  expect(await db.query('select status from tasks where id = $1', [id])).toEqual([{ status: 'PENDING' }]);
  expect(await db.query('select step from effects where task_id = $1', [id])).toEqual([{ step: 'row' }]);
});
