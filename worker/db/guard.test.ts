import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, isTransientDatabaseError, StatementTimeoutError, sqlState } from './database.ts';
import { openPglite } from './pglite.ts';

let db: Database;
beforeAll(async () => {
  db = await openPglite(undefined);
  await db.tx((tx) => tx.script('create table counters (name text primary key, n bigint not null)'));
}, 60_000);
afterAll(() => db.close());

const outside = { code: 'query_outside_tx', hint: expect.stringContaining('Pass the transaction on') };
const count = async (name: string) =>
  (await db.query<{ n: number }>('select n from counters where name = $1', [name]))[0]?.n;

it('should refuse a query on the outer database within a transaction, instead of waiting for itself for ever', async () => {
  await expect(db.tx(() => db.query('select 1'))).rejects.toMatchObject(outside);
});

it('should refuse a second transaction within the first', async () => {
  await expect(db.tx(() => db.tx((tx) => tx.query('select 1')))).rejects.toMatchObject(outside);
});

it('should refuse it however deep the calls go, also through timers', async () => {
  const later = () => new Promise((resolve) => setTimeout(resolve, 1));
  const helper = async () => {
    await later();
    return db.query('select 1');
  };
  await expect(db.tx(() => Promise.all([helper()]))).rejects.toMatchObject(outside);
});

it('should roll back what a refused query was part of', async () => {
  const work = db.tx(async (tx) => {
    await tx.query(`insert into counters values ('rolled back', 1)`);
    await db.query('select 1');
  });
  await expect(work).rejects.toMatchObject(outside);
  expect(await count('rolled back')).toBeUndefined();
});

it('should let others query while a transaction is open, and the same call chain once it has ended', async () => {
  const opened = Promise.withResolvers<void>();
  const tx = db.tx(async (tx) => {
    await tx.query(`insert into counters values ('beside', 1)`);
    opened.resolve();
    return 'done';
  });
  await opened.promise;
  expect(await count('beside')).toBe(1);
  expect(await tx).toBe('done');
  expect(await count('beside')).toBe(1);
});

it('should let work that a transaction left behind query once the transaction has ended', async () => {
  const ended = Promise.withResolvers<void>();
  const { left } = await db.tx(async () => ({ left: ended.promise.then(() => count('beside')) }));
  ended.resolve();
  expect(await left).toBe(1);
});

it('should run transactions one after another, each as a whole', async () => {
  await db.query(`insert into counters values ('sum', 0)`);
  await Promise.all(
    Array.from({ length: 10 }, () =>
      db.tx(async (tx) => {
        const [row] = await tx.query<{ n: number }>(`select n from counters where name = 'sum'`);
        await tx.query(`update counters set n = $1 where name = 'sum'`, [(row?.n ?? 0) + 1]);
      }),
    ),
  );
  expect(await count('sum')).toBe(10);
});

it('should give the SQLSTATE of an error, also of one that is wrapped', async () => {
  const error = await db.query('select nonsense').catch((thrown: unknown) => thrown);
  expect(sqlState(error)).toBe('42703');
  expect(sqlState(new Error('outer', { cause: error }))).toBe('42703');
  expect(sqlState(new Error('none'))).toBeUndefined();
  expect(sqlState(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }))).toBeUndefined();
  expect(isTransientDatabaseError(error)).toBe(false);
});

it('should know what may go through later', () => {
  const withCode = (code: string) => new Error('outer', { cause: Object.assign(new Error(code), { code }) });
  for (const code of [
    '08006',
    '53300',
    '57P01',
    '57P03',
    '40001',
    '40P01',
    '57014',
    '25006',
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EHOSTDOWN',
    'ENETDOWN',
    'EAI_AGAIN',
    'EPIPE',
  ])
    expect(isTransientDatabaseError(withCode(code)), code).toBe(true);
  for (const code of ['23505', '25001', '42P01', '22P05', '28P01', '3D000', 'EACCES'])
    expect(isTransientDatabaseError(withCode(code)), code).toBe(false);
  expect(isTransientDatabaseError(new StatementTimeoutError(5000))).toBe(true);
  expect(isTransientDatabaseError(new Error('timeout exceeded when trying to connect'))).toBe(true);
  expect(isTransientDatabaseError('text')).toBe(false);
});
