/** A database whose process dies at a chosen statement: from then on nothing it sends arrives. */
import type { Database, Row, SqlValue, Transaction } from '../../worker/db/index.ts';

export interface Death {
  /** Dies at the statement of this number, from 0. */
  readonly statement: number;
  /** The statement is still done, and its answer is lost; else it never arrives. */
  readonly done: boolean;
}

class DeadError extends Error {
  override readonly name = 'DeadError';
  constructor() {
    super('this process is dead');
  }
}

/** @param onDeath told once, at that moment */
export function mortal(db: Database, death: Death, onDeath: () => void): Database {
  let statements = 0;
  let dead = false;
  const die = (): never => {
    if (!dead) {
      dead = true;
      onDeath();
    }
    throw new DeadError();
  };
  /** Runs `work` unless this is the statement to die at. */
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    if (dead) return die();
    const mine = statements === death.statement;
    statements += 1;
    if (mine && !death.done) return die();
    const answer = await work();
    return mine || dead ? die() : answer;
  };
  const query = <R extends Row>(text: string, params?: readonly SqlValue[]) => step(() => db.query<R>(text, params));
  return {
    driver: db.driver,
    query,
    // its commit is a step as well: one that dies inside rolls back, one that dies at the commit has or has not committed
    tx: (work) =>
      step(() =>
        db.tx((tx) => {
          const inner: Transaction = {
            query: <R extends Row>(text: string, params?: readonly SqlValue[]) => step(() => tx.query<R>(text, params)),
            script: (text) => step(() => tx.script(text)),
          };
          return work(inner);
        }),
      ),
    close: async () => undefined,
  };
}
