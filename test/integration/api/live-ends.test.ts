/** Every end of a task is told by an event at once, whoever brings it about: nobody has to wait until the ledger is asked. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';
import { type HeardEvents, hearEvents } from '../../harness/live-hub.ts';
import { startTestApi, type TestApi } from './setup.ts';

let t: TestApi;
let heard: HeardEvents;
beforeAll(async () => {
  t = await startTestApi();
  heard = await hearEvents({ db: t.db, redis: t.redis, notDurable: t.runtime.notDurable }, defaultTenantId);
});
afterAll(async () => {
  await heard?.[Symbol.asyncDispose]();
  await t?.[Symbol.asyncDispose]();
});

const post = async (url: string, payload: object = {}) => (await t.call({ method: 'POST', url, payload })).body;
const add = async (options: object): Promise<string> =>
  (await post('/v1/tasks', { task: 'test_add', payload: { a: 2, b: 3 }, options })).task_id;
/** What waits for the end of `first`, one after another. */
const sendChain = async (first: object): Promise<{ flowId: string; ids: [string, string, string] }> => {
  const next = { task: 'test_add', payload: { a: 1, b: 1 } };
  const body = await post('/v1/flows', { flow: { chain: [first, next, next] } });
  return { flowId: body.flow_id, ids: body.tasks.chain.map(({ task_id }: { task_id: string }) => task_id) };
};
const parentEnded = { status: 'CANCELLED', error: { code: 'parent_ended' } };

describe('ends that no run brings about', () => {
  it('should be told of an expiry', async () => {
    const id = await add({ countdown: 600, expires: 1 });
    expect(await heard.end(id)).toMatchObject({ status: 'EXPIRED', error: { code: 'expired' } });
  });

  it('should be told of a cancel, also of a task that is not durable', async () => {
    const id = await add({ countdown: 600 });
    await t.call({ method: 'DELETE', url: `/v1/tasks/${id}` });
    expect(await heard.end(id)).toMatchObject({ status: 'CANCELLED', epoch: 1, error: { code: 'cancelled' } });
    const inRedis = await add({ countdown: 600, durable: false });
    expect((await t.call({ method: 'DELETE', url: `/v1/tasks/${inRedis}` })).status).toBe(202);
    expect(await heard.end(inRedis)).toMatchObject({
      status: 'CANCELLED',
      durable: false,
      error: { code: 'cancelled' },
    });
  });

  it('should be told of a task that another one of the same unique key has replaced', async () => {
    const unique_key = randomUUID();
    const id = await add({ countdown: 600, unique_key });
    const next = await add({ countdown: 600, unique_key, unique_policy: 'replace' });
    expect((await heard.end(id)).error.message).toContain(next);
  });

  it('should be told of all that a purge has cancelled', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => add({ countdown: 600, queue: 'mail' })));
    expect(await post('/v1/queues/mail/purge')).toMatchObject({ purged: 3 });
    for (const id of ids) expect(await heard.end(id)).toMatchObject({ status: 'CANCELLED', error: { code: 'purged' } });
  });

  it('should be told of all tasks of a flow that was cancelled', async () => {
    const { flowId, ids } = await sendChain({
      task: 'test_add',
      payload: { a: 1, b: 1 },
      options: { countdown: 600 },
    });
    await t.call({ method: 'DELETE', url: `/v1/flows/${flowId}` });
    for (const id of ids)
      expect(await heard.end(id)).toMatchObject({ status: 'CANCELLED', error: { code: 'cancelled' } });
  });
});

describe('tasks of a flow that end with one before them', () => {
  it.each([
    ['failed', 'FAILED', { task: 'test_fail', payload: { why: 'it had to' } }],
    ['ran out of time', 'TIMED_OUT', { task: 'test_slow', payload: {} }],
    ['expired', 'EXPIRED', { task: 'test_add', payload: { a: 1, b: 1 }, options: { countdown: 600, expires: 1 } }],
  ])('should be told when it %s', async (_how, status, first) => {
    const { ids } = await sendChain(first);
    expect(await heard.end(ids[0])).toMatchObject({ status });
    for (const id of ids.slice(1)) expect(await heard.end(id)).toMatchObject(parentEnded);
  });

  it('should be told when it was cancelled or purged', async () => {
    const waits = { task: 'test_add', payload: { a: 1, b: 1 }, options: { countdown: 600, queue: 'mail' } };
    const [cancelled, purged] = [await sendChain(waits), await sendChain(waits)];
    await t.call({ method: 'DELETE', url: `/v1/tasks/${cancelled.ids[0]}` });
    for (const id of cancelled.ids.slice(1)) expect(await heard.end(id)).toMatchObject(parentEnded);
    await post('/v1/queues/mail/purge');
    for (const id of purged.ids.slice(1)) expect(await heard.end(id)).toMatchObject(parentEnded);
  });
});

it('should tell the end of a time limit with the epoch that the ledger gives it, so that it is told once', async () => {
  const id = (await post('/v1/tasks', { task: 'test_slow', payload: {} })).task_id;
  const told = await heard.end(id);
  const [row] = await t.db.query<{ epoch: number }>('select epoch from tasks where id = $1', [id]);
  expect(told).toMatchObject({ status: 'TIMED_OUT', epoch: row?.epoch });
});
