/** A connection that breaks between two statements of a transaction has no query that could fail: the process must live on. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isTransientDatabaseError } from '../../../worker/db/index.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from '../../harness/databases.ts';
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
