import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, Row, SqlValue, Transaction } from '../../../worker/db/index.ts';
import { createEnqueuer, noRates, Window } from '../../../worker/runtime/index.ts';
import { startTestApi, type TestApi } from './setup.ts';

/** A database whose connection breaks right after the next commit of a write: the caller never hears of it. */
class BreakingAfterCommit implements Database {
  readonly driver: Database['driver'];
  readonly close: Database['close'];
  readonly #db: Database;
  armed = false;

  constructor(db: Database) {
    this.#db = db;
    this.driver = db.driver;
    this.close = () => db.close();
  }

  async query<R extends Row>(text: string, params?: readonly SqlValue[]): Promise<R[]> {
    const rows = await this.#db.query<R>(text, params);
    // a statement outside a transaction commits by itself
    if (/insert into tasks_live/.test(text)) this.#breakOnce();
    return rows;
  }

  async tx<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const result = await this.#db.tx(work);
    this.#breakOnce();
    return result;
  }

  #breakOnce(): void {
    if (!this.armed) return;
    this.armed = false;
    throw new Error('Connection terminated unexpectedly');
  }
}

describe('a connection that breaks after the commit', () => {
  let t: TestApi;
  let breaking: BreakingAfterCommit;
  beforeAll(async () => {
    t = await startTestApi({
      change: ({ db, broker, registry, log }) => {
        breaking = new BreakingAfterCommit(db);
        const window = new Window({ size: 5000, isolatedPerTenant: 1, rates: noRates });
        return { db: breaking, enqueuer: createEnqueuer({ db: breaking, broker, registry, window, log }) };
      },
    });
  });
  afterAll(() => t[Symbol.asyncDispose]());

  const count = async (table: string, where: string) =>
    (await t.db.query<{ n: number }>(`select count(*)::int as n from ${table} where ${where}`))[0]?.n;
  const post = (url: string, payload: object) => t.call({ method: 'POST', url, payload });

  it('should not hide accepted tasks, nor accept them twice', async () => {
    const tasks = Array.from({ length: 20 }, (_, n) => ({ task: 'test_add', payload: { a: n, b: 1 } }));
    breaking.armed = true;
    const { status, body } = await post('/v1/tasks/batch', { tasks });
    expect(breaking.armed).toBe(false);
    expect(status).toBe(202);
    await Promise.all(body.task_ids.map((id: string) => t.runtime.ended(id)));
    expect(await count('tasks', `name = 'test_add'`)).toBe(20);
  });

  it('should not hide an accepted document, nor lose its file, nor take it twice', async () => {
    const { id } = (await post('/v1/datasets', { name: 'doubt' })).body;
    breaking.armed = true;
    const { status, body } = await post(`/v1/datasets/${id}/document/create-by-text`, { name: 'a', text: 'Mill.' });
    expect(breaking.armed).toBe(false);
    expect(status).toBe(200);
    expect(await count('documents', `dataset_id = '${id}'`)).toBe(1);
    expect(await t.files()).toContain(body.document.id);
    await t.runtime.ended(body.task_id);
    expect(await count('tasks', `name = 'document_indexing_task'`)).toBe(1);
  });

  it('should answer a deletion that came through as done', async () => {
    const { id } = (await post('/v1/datasets', { name: 'to be deleted' })).body;
    breaking.armed = true;
    expect((await t.call({ method: 'DELETE', url: `/v1/datasets/${id}` })).status).toBe(204);
    expect(await count('tasks', `name = 'clean_dataset_task'`)).toBe(1);
  });
});
