import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { problem, startTestApi, type TestApi } from './setup.ts';

/** Redis has this long to take a task; then the caller hears 503. */
const refusedWithinMs = 4000;

describe('tasks that are not durable over HTTP', () => {
  let t: TestApi;

  beforeAll(async () => {
    t = await startTestApi();
  });
  afterAll(() => t[Symbol.asyncDispose]());

  const send = (payload: object) => t.call({ method: 'POST', url: '/v1/tasks', payload });
  const add = (options: object = {}) =>
    send({ task: 'test_add', payload: { a: 1, b: 2 }, options: { durable: false, ...options } });
  const batch = (tasks: object[]) => t.call({ method: 'POST', url: '/v1/tasks/batch', payload: { tasks } });
  const one = (options: object) => ({ task: 'test_add', payload: { a: 1, b: 2 }, options });
  const get = (id: string, query = '') => t.call({ method: 'GET', url: `/v1/tasks/${id}${query}` });
  const cancel = (id: string) => t.call({ method: 'DELETE', url: `/v1/tasks/${id}` });
  const rows = async () => (await t.db.query<{ n: number }>('select count(*)::int as n from tasks'))[0]?.n;

  it('should say so in its answer, run it, and tell its end in the shape of any task', async () => {
    const before = await rows();
    const sent = await add({ priority: 7 });
    expect(sent).toMatchObject({ status: 202, body: { status: 'QUEUED', durable: false } });
    const id = sent.body.task_id;
    expect((await get(id, '?wait=10')).body).toEqual({
      task_id: id,
      task: 'test_add',
      queue: 'fast_tasks',
      status: 'COMPLETED',
      priority: 7,
      attempts: 1,
      durable: false,
      progress: null,
      result: { sum: 3 },
      error: null,
      accepted_at: expect.any(String),
      due_at: expect.any(String),
      started_at: expect.any(String),
      finished_at: expect.any(String),
      expires_at: null,
      flow_id: null,
      waiting_for: 0,
    });
    expect(await rows()).toBe(before);
  });

  it('should be counted beside the durable ones of its queue, and purged with them, but for those of another tenant', async () => {
    const mail = async () => {
      const { queues } = (await t.call({ method: 'GET', url: '/v1/queues' })).body;
      return queues.find(({ name }: { name: string }) => name === 'mail');
    };
    const ids = [];
    for (const options of [{}, {}, { countdown: 600 }])
      ids.push((await add({ queue: 'mail', ...options })).body.task_id);
    const other = { authorization: `Bearer ${t.otherKey}` };
    const payload = one({ queue: 'mail', durable: false });
    const others = await t.call({ method: 'POST', url: '/v1/tasks', headers: other, payload });
    await send(one({ queue: 'mail', countdown: 600 }));
    expect(await mail()).toMatchObject({
      not_durable: { waiting: 3, delayed: 1, running: 0 },
      depth: { pending: 1, queued: 0 },
      redis: { prioritized: 3, delayed: 1 },
    });
    const purged = await t.call({ method: 'POST', url: '/v1/queues/mail/purge' });
    expect(purged.body).toEqual({ name: 'mail', purged: 4, not_durable: 3 });
    expect(await mail()).toMatchObject({ not_durable: { waiting: 1, delayed: 0 }, depth: { pending: 0 } });
    for (const id of ids) expect(problem(await get(id)).code).toBe('task_not_found');
    expect(await t.call({ method: 'DELETE', url: `/v1/tasks/${others.body.task_id}`, headers: other })).toMatchObject({
      status: 202,
    });
  });

  it('should tell a task of another tenant to nobody else', async () => {
    const { body } = await add({ countdown: 60 });
    const other = { authorization: `Bearer ${t.otherKey}` };
    for (const method of ['GET', 'DELETE'] as const) {
      const answer = await t.call({ method, url: `/v1/tasks/${body.task_id}`, headers: other });
      expect(problem(answer)).toMatchObject({ code: 'task_not_found', status: 404 });
    }
    expect((await get(body.task_id)).body).toMatchObject({ status: 'QUEUED' });
  });

  it('should not list it', async () => {
    const { body } = await add();
    await get(body.task_id, '?wait=10');
    const listed = await t.call({ method: 'GET', url: '/v1/tasks?limit=200' });
    expect(listed.body.tasks.map((task: { task_id: string }) => task.task_id)).not.toContain(body.task_id);
  });

  it('should tell why it failed', async () => {
    const sent = await send({ task: 'test_fail', payload: { why: 'no luck' }, options: { durable: false } });
    expect((await get(sent.body.task_id, '?wait=10')).body).toMatchObject({
      status: 'FAILED',
      attempts: 1,
      result: null,
      error: { code: 'task_error', message: 'no luck', attempt: 0 },
    });
  });

  it('should stream its progress and its end', async () => {
    const { body } = await send({ task: 'test_gate', payload: {}, options: { durable: false } });
    const streaming = t.call({ method: 'GET', url: `/v1/tasks/${body.task_id}/events` });
    await vi.waitFor(async () => expect((await get(body.task_id)).body.progress).not.toBeNull(), 5000);
    t.gate.release();
    const { body: events } = await streaming;
    expect(events).toContain('"status":"COMPLETED"');
    expect(events).toContain('"step":"waiting"');
    expect(events).toContain('event: end');
  });

  it('should cancel a waiting one, of which nothing remains, and no running or ended one', async () => {
    const waiting = await add({ countdown: 600 });
    expect(await cancel(waiting.body.task_id)).toMatchObject({
      status: 202,
      body: { status: 'CANCELLED', durable: false },
    });
    expect(problem(await get(waiting.body.task_id))).toMatchObject({ code: 'task_not_found' });

    const running = await send({ task: 'test_gate', payload: {}, options: { durable: false } });
    await vi.waitFor(async () => expect((await get(running.body.task_id)).body.status).toBe('RUNNING'), 5000);
    expect(problem(await cancel(running.body.task_id))).toMatchObject({ code: 'task_running', status: 409 });
    t.gate.release();
    await get(running.body.task_id, '?wait=10');
    expect(problem(await cancel(running.body.task_id))).toMatchObject({ code: 'task_finished', status: 409 });
  });

  it('should tell whoever watches a waiting one that it was cancelled', async () => {
    const { body } = await add({ countdown: 600 });
    const waiting = get(body.task_id, '?wait=20');
    await vi.waitFor(() => expect(t.runtime.hub.size).toBe(1), 5000);
    await cancel(body.task_id);
    expect((await waiting).body).toMatchObject({ status: 'CANCELLED', error: { code: 'task_gone' } });
  });

  it('should give the old answer for the same id and payload, and 409 for anything else', async () => {
    const task_id = randomUUID();
    expect(await add({ task_id })).toMatchObject({ status: 202, body: { task_id } });
    expect((await get(task_id, '?wait=10')).body.status).toBe('COMPLETED');
    expect(await add({ task_id })).toMatchObject({ status: 202, body: { task_id, status: 'COMPLETED' } });
    const other = await send({ task: 'test_add', payload: { a: 5, b: 5 }, options: { durable: false, task_id } });
    expect(problem(other)).toMatchObject({ code: 'task_id_taken', status: 409 });
    const durable = randomUUID();
    await send({ task: 'test_add', payload: { a: 1, b: 2 }, options: { task_id: durable } });
    expect(problem(await add({ task_id: durable }))).toMatchObject({ code: 'task_id_taken', status: 409 });
  });

  it('should refuse a unique key with 422, and a batch of both kinds or of several queues with 400', async () => {
    const key = problem(await add({ unique_key: 'one' }));
    expect(key).toMatchObject({ code: 'durable_only', status: 422, detail: expect.stringContaining('unique key') });
    expect(problem(await batch([one({ durable: false }), one({})]))).toMatchObject({
      code: 'durable_mixed',
      status: 400,
    });
    const queues = [one({ durable: false }), one({ durable: false, queue: 'dataset' })];
    expect(problem(await batch(queues))).toMatchObject({ code: 'queues_mixed', status: 400 });
  });

  it('should take a batch and say that it is not durable', async () => {
    const sent = await batch(Array.from({ length: 50 }, () => one({ durable: false })));
    expect(sent).toMatchObject({ status: 202, body: { durable: false } });
    const ended = await Promise.all(sent.body.task_ids.map((id: string) => get(id, '?wait=20')));
    expect(new Set(ended.map(({ body }) => body.status))).toEqual(new Set(['COMPLETED']));
  });

  it('should answer 503 within its bound while redis is away, and go on when it is back', async () => {
    await t.redis.server.stop();
    const startedAt = Date.now();
    expect(problem(await add())).toMatchObject({ code: 'redis_unavailable', status: 503 });
    expect(Date.now() - startedAt).toBeLessThan(refusedWithinMs);
    expect(problem(await get(randomUUID()))).toMatchObject({ code: 'redis_unavailable', status: 503 });
    await t.redis.server.startAgain();
    const back = await vi.waitFor(async () => {
      const sent = await add();
      expect(sent.status).toBe(202);
      return sent.body.task_id;
    }, 20_000);
    expect((await get(back, '?wait=20')).body.status).toBe('COMPLETED');
  });
});
