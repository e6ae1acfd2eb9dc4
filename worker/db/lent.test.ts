import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Database, isTransientDatabaseError, sqlState } from './database.ts';
import { borrowDatabase, type Lender, lendDatabase } from './lent.ts';
import { openPglite } from './pglite.ts';

let owner: Database;
beforeAll(async () => {
  owner = await openPglite(undefined);
  await owner.query('create table kept (n integer primary key, at timestamptz, raw bytea, doc jsonb)');
});
beforeEach(async () => {
  await owner.query('delete from kept');
});
afterAll(() => owner.close());

/** Both sides, with the copies between them that a port makes. */
function lent(heldMs?: number): { db: Database; lender: Lender } {
  const borrowed = borrowDatabase((request) => queueMicrotask(() => lender.request(structuredClone(request))));
  const lender = lendDatabase(owner, (answer) => borrowed.answer(structuredClone(answer)), heldMs);
  return { db: borrowed.db, lender };
}

const count = async () => (await owner.query<{ n: number }>('select count(*)::int as n from kept'))[0]?.n;

it('should carry values both ways as the driver gives them', async () => {
  const { db } = lent();
  const at = new Date('2026-02-03T04:05:06.789Z');
  await db.query('insert into kept values ($1, $2, $3, $4::jsonb)', [1, at, new Uint8Array([0, 255]), '{"a":[1]}']);
  const [row] = await db.query<{ n: number; at: Date; raw: Uint8Array; doc: unknown }>('select * from kept');
  expect(row).toMatchObject({ n: 1, at, doc: { a: [1] } });
  expect([...(row?.raw ?? [])]).toEqual([0, 255]);
});

it('should commit what returns and roll back what throws, and hand on the error as it is', async () => {
  const { db } = lent();
  expect(
    await db.tx(async (tx) => (await tx.query<{ n: number }>('insert into kept values (1) returning n'))[0]?.n),
  ).toBe(1);
  const own = new Error('of the work itself');
  const failed = db.tx(async (tx) => {
    await tx.query('insert into kept values (2)');
    throw own;
  });
  await expect(failed).rejects.toBe(own);
  expect(await count()).toBe(1);
});

it('should keep the SQLSTATE of an error', async () => {
  const { db } = lent();
  await db.query('insert into kept values (1)');
  const error = await db.query('insert into kept values (1)').catch((thrown: unknown) => thrown);
  expect(sqlState(error)).toBe('23505');
  expect(isTransientDatabaseError(error)).toBe(false);
});

it('should refuse a query beside an open transaction, as every driver does', async () => {
  const { db } = lent();
  await expect(db.tx(async () => db.query('select 1'))).rejects.toMatchObject({ code: 'query_outside_tx' });
});

it('should roll back what a borrower leaves open, and let the owner go on', async () => {
  const { db, lender } = lent();
  const inserted = Promise.withResolvers<void>();
  const left = db.tx(async (tx) => {
    await tx.query('insert into kept values (1)');
    inserted.resolve();
    await wait(50);
    await tx.query('insert into kept values (2)');
  });
  left.catch(() => undefined);
  await inserted.promise;
  await lender.close();
  expect(await count()).toBe(0);
  await expect(left).rejects.toMatchObject({ code: 'transaction_left' });
});

it('should not begin what was asked for before the borrower was gone', async () => {
  const { db, lender } = lent();
  const release = Promise.withResolvers<void>();
  const busy = owner.tx(() => release.promise);
  const waiting = db.tx(async (tx) => tx.query('insert into kept values (1)'));
  waiting.catch(() => undefined);
  const closed = wait(20).then(() => lender.close());
  await wait(40);
  release.resolve();
  await Promise.all([busy, closed]);
  await expect(waiting).rejects.toMatchObject({ code: 'transaction_left' });
  expect(await count()).toBe(0);
});

it('should have nothing under way once it is closed, and refuse what comes after', async () => {
  const { db, lender } = lent();
  const release = Promise.withResolvers<void>();
  const busy = owner.tx(() => release.promise);
  const asked = db.query('insert into kept values (1)');
  await wait(20);
  const closed = lender.close();
  release.resolve();
  await Promise.all([busy, closed]);
  // it was asked for before: done when the lender says that it is closed
  expect(await count()).toBe(1);
  await asked;
  await expect(db.query('insert into kept values (2)')).rejects.toMatchObject({ code: 'transaction_left' });
  expect(await count()).toBe(1);
});

it('should end a transaction that is held for too long', async () => {
  const { db } = lent(50);
  const held = db.tx(async (tx) => {
    await tx.query('insert into kept values (1)');
    await wait(200);
    return 'late';
  });
  await expect(held).rejects.toMatchObject({ code: 'transaction_over' });
  expect(await count()).toBe(0);
});

it('should give up on an owner that does not answer', async () => {
  const { db } = borrowDatabase(() => undefined, 30);
  await expect(db.query('select 1')).rejects.toMatchObject({ code: 'database_no_answer' });
});
