/** A connection that breaks between two statements of a transaction has no query that could fail: the process must live on. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTransientDatabaseError } from '../../../worker/db/index.ts';
import { cancelTask, ledger } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { openDatabase } from '../../harness/database-address.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { startProxy } from '../../harness/proxy.ts';
import { until } from '../../harness/until.ts';

const within = 10_000;

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

it('should fail the transaction with the reason, as an outage, and serve the next one', async () => {
  const { db } = database;
  const opened = Promise.withResolvers<number>();
  const broken = Promise.withResolvers<void>();
  const outcome = db
    .tx(async (tx) => {
      const [own] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      opened.resolve(own?.pid ?? 0);
      await broken.promise;
      return tx.query('select 1');
    })
    .catch((error: unknown) => error);
  const pid = await opened.promise;
  await db.query('select pg_terminate_backend($1)', [pid]);
  await until('its session is gone', within, async () => {
    return (await db.query('select 1 from pg_stat_activity where pid = $1', [pid])).length === 0;
  });
  // the end of the connection is read from the socket by a later turn of the loop
  await wait(200);
  broken.resolve();
  const error = await outcome;
  expect(error).toBeInstanceOf(Error);
  expect(isTransientDatabaseError(error)).toBe(true);
  expect(await db.tx((tx) => tx.query('select 1 as one'))).toEqual([{ one: 1 }]);
});

it('should give up a connection that no longer answers, in a transaction as outside of one, and serve the next caller', async () => {
  const { address } = database;
  if (!address) throw new Error('a server has an address');
  await using proxy = await startProxy(address);
  const db = openDatabase(
    { ...address, host: proxy.host, port: proxy.port },
    { poolMax: 1, statementTimeoutMs: 500, silentMs: 100 },
  );
  try {
    const ask = () => db.query<{ one: number }>('select 1 as one');
    const askInTransaction = () => db.tx((tx) => tx.query<{ one: number }>('select 1 as one'));
    for (const asked of [ask, askInTransaction]) {
      expect(await asked()).toEqual([{ one: 1 }]);
      proxy.blackhole();
      const error = await asked().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'StatementTimeoutError' });
      expect(isTransientDatabaseError(error)).toBe(true);
      // of one connection in the pool: what was left unanswered is in nobody's way
      expect(await asked()).toEqual([{ one: 1 }]);
      proxy.heal();
    }
  } finally {
    await db.close();
  }
});

it('should go on with a connection on which a statement was refused', async () => {
  const { address } = database;
  if (!address) throw new Error('a server has an address');
  const db = openDatabase(address, { poolMax: 1 });
  try {
    const pid = async () => (await db.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid;
    const before = await pid();
    await expect(db.query('select 1 / 0')).rejects.toThrow(/division by zero/);
    await expect(db.tx((tx) => tx.query('select 1 / 0'))).rejects.toThrow(/division by zero/);
    expect(await pid()).toBe(before);
    // one whose prepared statement no longer fits is of no use for it, for as long as it stands
    await db.query('create table narrow as select 1 as one');
    const all = () => db.query('select * from narrow');
    expect(await all()).toEqual([{ one: 1 }]);
    await db.query('alter table narrow add column two int');
    await expect(all()).rejects.toThrow(/cached plan must not change result type/);
    expect(await all()).toEqual([{ one: 1, two: null }]);
  } finally {
    await db.close();
  }
});

it('should wait for the disk with every commit, whatever its role says, but for a setting that is stronger', async () => {
  const { address } = database;
  if (!address) throw new Error('a server has an address');
  const commitOf = async (ofRole: string) => {
    await database.db.query(`alter role current_user set synchronous_commit = ${ofRole}`);
    const db = openDatabase(address, { poolMax: 1 });
    try {
      return await db.tx((tx) => tx.query(`select current_setting('synchronous_commit') as commit`));
    } finally {
      await db.close();
    }
  };
  try {
    for (const weaker of ['off', 'local', 'remote_write']) expect(await commitOf(weaker)).toEqual([{ commit: 'on' }]);
    expect(await commitOf('remote_apply')).toEqual([{ commit: 'remote_apply' }]);
  } finally {
    await database.db.query('alter role current_user reset synchronous_commit');
  }
});

it('should hold the row of a run for the length of its effect, so that nobody takes it meanwhile', async () => {
  const { db } = database;
  const [id, owner] = [randomUUID(), randomUUID()];
  const task = { id, name: 'noted', queue: 'fast_tasks', tenantId, payload: '{}' } as const;
  await db.tx((tx) => ledger.acceptTasks(tx, [task]));
  await ledger.claimTasks(db, [id], owner, 'test');
  const fence = { id, epoch: 1, owner };
  const entered = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const effect = ledger.runEffect(db, fence, 'step', async () => {
    entered.resolve();
    await goOn.promise;
    return true;
  });
  await entered.promise;
  const cancel = cancelTask(db, tenantId, id, 'by a test');
  try {
    await until('the cancel waits for the effect', within, async () => {
      const waits = await db.query(
        `select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%tasks_live%'`,
      );
      return waits.length > 0;
    });
  } finally {
    goOn.resolve();
  }
  expect(await effect).toBe(true);
  expect(await cancel).toBe(true);
});
