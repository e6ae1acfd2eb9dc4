/**
 * One process's database, lent to another over a message port: for children beside PGlite, which lets only one process open
 * its files. The borrower speaks the usual face; the lender runs its statements on its own database.
 */
import { errorText, MillraceError } from '../errors.ts';
import { type Database, guard, type Row, type SqlValue, sqlState, type Transaction } from './database.ts';

/** PGlite has one session: a borrower that keeps a transaction open keeps everybody else waiting, so it is ended after this. */
const maxHeldMs = 30_000;
/** The lender's own statements and transactions go first; longer than this no answer takes. */
const answerTimeoutMs = 120_000;

export interface DatabaseRequest {
  readonly id: number;
  /** Of the transaction; undefined: outside of any. */
  readonly tx: number | undefined;
  readonly does: 'query' | 'script' | 'begin' | 'commit' | 'rollback';
  readonly text?: string;
  readonly params?: readonly SqlValue[];
}

export interface DatabaseAnswer {
  readonly id: number;
  readonly rows?: readonly Row[];
  readonly error?: { readonly message: string; readonly code: string | undefined; readonly ours: boolean };
}

type Work = Omit<DatabaseRequest, 'id'>;

/** The borrower's side. Pass what the lender answers to `answer`. */
export function borrowDatabase(
  send: (request: DatabaseRequest) => void,
  waitMs = answerTimeoutMs,
): { readonly db: Database; readonly answer: (answer: DatabaseAnswer) => void } {
  const waiting = new Map<number, (answer: DatabaseAnswer) => void>();
  let requests = 0;
  let transactions = 0;

  const ask = (work: Work): Promise<readonly Row[]> =>
    new Promise((resolve, reject) => {
      requests += 1;
      const id = requests;
      const timer = setTimeout(() => {
        waiting.delete(id);
        reject(
          new MillraceError({
            code: 'database_no_answer',
            message: `The process that holds the database did not answer within ${waitMs / 1000} s.`,
          }),
        );
      }, waitMs);
      waiting.set(id, ({ rows = [], error }) => {
        waiting.delete(id);
        clearTimeout(timer);
        if (error) reject(revived(error));
        else resolve(rows);
      });
      send({ ...work, id });
    });

  const query = async <R extends Row>(tx: number | undefined, text: string, params: readonly SqlValue[]) =>
    // the shape is the caller's to keep true, as with every driver
    (await ask({ tx, does: 'query', text, params })) as R[];

  const db = guard({
    driver: 'pglite',
    query: (text, params) => query(undefined, text, params),
    async transaction(work) {
      transactions += 1;
      const tx = transactions;
      await ask({ tx, does: 'begin' });
      const inside: Transaction = {
        query: (text, params = []) => query(tx, text, params),
        script: async (text) => {
          await ask({ tx, does: 'script', text });
        },
      };
      let result: Awaited<ReturnType<typeof work>>;
      try {
        result = await work(inside);
      } catch (error) {
        await ask({ tx, does: 'rollback' }).catch(() => undefined);
        throw error;
      }
      await ask({ tx, does: 'commit' });
      return result;
    },
    close: async () => undefined,
  });
  return { db, answer: (answer) => waiting.get(answer.id)?.(answer) };
}

interface OpenTransaction {
  readonly tx: Transaction;
  /** Resolve to commit, reject to roll back. */
  readonly end: PromiseWithResolvers<void>;
  /** The database's word on the end. */
  readonly over: Promise<void>;
}

export interface Lender {
  request(request: DatabaseRequest): void;
  /** The borrower is gone: rolls back what it left open. Resolves when nothing it asked for is under way any more. */
  close(): Promise<void>;
}

/** The lender's side. Transactions that are held for too long, or left behind, are rolled back. */
export function lendDatabase(db: Database, send: (answer: DatabaseAnswer) => void, heldMs = maxHeldMs): Lender {
  const transactions = new Map<number, OpenTransaction>();
  const starting = new Set<Promise<void>>();
  /** What was asked for and is not answered. */
  const underWay = new Set<Promise<void>>();
  let closed = false;

  const begin = (id: number): Promise<void> => {
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    end.promise.catch(() => undefined);
    const over = db.tx(async (tx) => {
      if (closed) throw gone();
      transactions.set(id, { tx, end, over });
      const timer = setTimeout(() => {
        transactions.delete(id);
        end.reject(heldTooLong(heldMs));
      }, heldMs);
      begun.resolve();
      try {
        await end.promise;
      } finally {
        clearTimeout(timer);
      }
    });
    over.catch((error) => begun.reject(error));
    const tracked = over.catch(() => undefined).finally(() => starting.delete(tracked));
    starting.add(tracked);
    return begun.promise;
  };

  const finish = async (id: number, how: 'commit' | 'rollback'): Promise<void> => {
    const open = transactions.get(id);
    if (!open) throw unknownTransaction();
    transactions.delete(id);
    if (how === 'commit') open.end.resolve();
    else open.end.reject(gone());
    try {
      await open.over;
    } catch (error) {
      if (how === 'commit') throw error;
    }
  };

  const perform = async ({ tx: id, does, text = '', params = [] }: DatabaseRequest): Promise<readonly Row[]> => {
    if (id === undefined) return db.query(text, params);
    if (does === 'begin') await begin(id);
    else if (does === 'commit' || does === 'rollback') await finish(id, does);
    else {
      const open = transactions.get(id);
      if (!open) throw unknownTransaction();
      if (does === 'query') return open.tx.query(text, params);
      await open.tx.script(text);
    }
    return [];
  };

  return {
    request(request) {
      // what a borrower sent before its end may come after the news of it
      const performed = closed ? Promise.reject<readonly Row[]>(gone()) : perform(request);
      const answered = performed
        .then(
          (rows) => send({ id: request.id, rows }),
          (error) => send({ id: request.id, error: told(error) }),
        )
        .finally(() => underWay.delete(answered));
      underWay.add(answered);
    },
    async close() {
      closed = true;
      for (const { end } of transactions.values()) end.reject(gone());
      transactions.clear();
      await Promise.all([...starting, ...underWay]);
    },
  };
}

const told = (error: unknown): NonNullable<DatabaseAnswer['error']> => ({
  message: errorText(error),
  code: error instanceof MillraceError ? error.code : (sqlState(error) ?? networkCode(error)),
  ours: error instanceof MillraceError,
});

const networkCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

function revived({ message, code, ours }: NonNullable<DatabaseAnswer['error']>): Error {
  if (ours && code !== undefined) return new MillraceError({ code, message });
  return code === undefined ? new Error(message) : Object.assign(new Error(message), { code });
}

const gone = () =>
  new MillraceError({ code: 'transaction_left', message: 'The work was ended, and what it left open rolled back.' });

const heldTooLong = (ms: number) =>
  new MillraceError({
    code: 'transaction_held_too_long',
    message: `A transaction was kept open for longer than ${ms / 1000} s and was rolled back.`,
    hint: 'Nothing slow belongs inside an effect: compute first, then write.',
  });

const unknownTransaction = () =>
  new MillraceError({
    code: 'transaction_over',
    message: 'The transaction is over: it was rolled back, because it was held too long or its work was ended.',
  });
