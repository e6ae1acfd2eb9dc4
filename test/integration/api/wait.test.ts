/** `?wait=`: whoever waits for the end of a task is woken by its event, costs next to nothing meanwhile, and misses no end. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../../worker/api/index.ts';
import type { Database } from '../../../worker/db/index.ts';
import { type LiveHub, ledger } from '../../../worker/runtime/index.ts';
import { noPollMs, openTestHub } from '../../harness/live-hub.ts';
import { until } from '../../harness/until.ts';
import { startTestApi, type TestApi } from './setup.ts';

let t: TestApi;
beforeAll(async () => {
  t = await startTestApi();
});
afterAll(() => t?.[Symbol.asyncDispose]());

interface Waited extends AsyncDisposable {
  readonly api: FastifyInstance;
  readonly hub: LiveHub;
  /** Statements since it was opened. */
  readonly statements: readonly string[];
  /** Asks for a task until it has ended. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
  wait(id: string, seconds?: number): Promise<any>;
}

/** An API process of its own, whose statements are counted. */
async function openApi(pollMs?: number): Promise<Waited> {
  const stack = new AsyncDisposableStack();
  const statements: string[] = [];
  const db: Database = {
    ...t.db,
    query: (text, params) => {
      statements.push(text);
      return t.db.query(text, params);
    },
  };
  const ground = { db, redis: t.redis, notDurable: t.runtime.notDurable };
  const { hub } = stack.use(await openTestHub(pollMs === undefined ? ground : { ...ground, pollMs }));
  const api = await createApi({ ...t.deps, db, hub, metrics: new Registry() });
  stack.defer(() => api.close());
  return {
    api,
    hub,
    statements,
    wait: async (id, seconds = 60) =>
      (
        await api.inject({ url: `/v1/tasks/${id}?wait=${seconds}`, headers: { authorization: `Bearer ${t.key}` } })
      ).json(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const send = async (task: string, options: object = {}, payload: object = {}): Promise<string> =>
  (await t.call({ method: 'POST', url: '/v1/tasks', payload: { task, payload, options } })).body.task_id;
const listeners = (hub: LiveHub, count: number) =>
  until(`${count} wait`, 30_000, async () => {
    expect(hub.size).toBe(count);
    return true;
  });

describe('waiting for the end of a task', () => {
  it.each([true, false])(
    'should be over as soon as its event comes, whatever the ledger is asked, durable: %s',
    async (durable) => {
      await using waited = await openApi(noPollMs);
      const id = await send('test_gate', { durable });
      const answer = waited.wait(id);
      await listeners(waited.hub, 1);
      await until('it runs', 10_000, async () => (await waited.wait(id, 0)).progress !== null);
      t.gate.release();
      const began = Date.now();
      expect(await answer).toMatchObject({ task_id: id, status: 'COMPLETED', result: 'through', durable });
      // far below what was waited for at most; on a quiet machine it takes some milliseconds
      expect(Date.now() - began).toBeLessThan(10_000);
      await listeners(waited.hub, 0);
    },
  );

  it('should be over all the same when the event was lost', async () => {
    await using waited = await openApi();
    const id = await send('test_add', { countdown: 600 }, { a: 1, b: 2 });
    const answer = waited.wait(id);
    await listeners(waited.hub, 1);
    await t.db.query('update tasks_live set due_at = now() where id = $1', [id]);
    const [claimed] = await ledger.claimTasks(t.db, [id], randomUUID(), 'silent');
    if (!claimed) throw new Error('the task was to be claimed here');
    await ledger.completeTasks(t.db, [{ fence: claimed.fence, result: '"unheard"' }]);
    expect(await answer).toMatchObject({ status: 'COMPLETED', result: 'unheard' });
  });

  it('should tell how the task stands when the time is over', async () => {
    await using waited = await openApi(noPollMs);
    const id = await send('test_gate');
    await until('it runs', 10_000, async () => (await waited.wait(id, 0)).progress !== null);
    expect(await waited.wait(id, 1)).toMatchObject({ status: 'RUNNING', progress: { step: 'waiting' } });
    await listeners(waited.hub, 0);
    t.gate.release();
    await t.runtime.ended(id);
  });

  it('should cost a thousand who wait for a thousand tasks a few dozen statements in all', async () => {
    await using waited = await openApi();
    const tasks = Array.from({ length: 1000 }, () => ({
      task: 'test_add',
      payload: { a: 1, b: 2 },
      options: { countdown: 600, queue: 'mail' },
    }));
    const { task_ids: ids } = (await t.call({ method: 'POST', url: '/v1/tasks/batch', payload: { tasks } })).body;
    const answers = ids.map((id: string) => waited.wait(id));
    await listeners(waited.hub, 1000);
    expect((await t.call({ method: 'POST', url: '/v1/queues/mail/purge' })).body.purged).toBe(1000);
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe('CANCELLED');
    expect(waited.statements.length).toBeLessThan(200);
  });
});
