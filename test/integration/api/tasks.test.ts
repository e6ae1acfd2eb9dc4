import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problem, startTestApi, type TestApi } from './setup.ts';

describe('tasks over HTTP', () => {
  let t: TestApi;
  beforeAll(async () => {
    t = await startTestApi();
  });
  afterAll(() => t[Symbol.asyncDispose]());

  const send = (payload: object) => t.call({ method: 'POST', url: '/v1/tasks', payload });
  const add = (options: object = {}) => send({ task: 'test_add', payload: { a: 1, b: 2 }, options });
  const asOther = () => ({ authorization: `Bearer ${t.otherKey}` });

  it('should accept a task with 202, run it and tell its result to who waits', async () => {
    const accepted = await add({ priority: 9 });
    expect(accepted).toMatchObject({ status: 202, body: { status: 'PENDING' } });
    const { body } = await t.call({ url: `/v1/tasks/${accepted.body.task_id}?wait=30` });
    expect(body).toEqual({
      task_id: accepted.body.task_id,
      task: 'test_add',
      queue: 'fast_tasks',
      status: 'COMPLETED',
      priority: 9,
      attempts: 1,
      durable: true,
      progress: null,
      result: { sum: 3 },
      error: null,
      accepted_at: expect.stringMatching(/^\d{4}-.*Z$/),
      due_at: expect.any(String),
      started_at: expect.any(String),
      finished_at: expect.any(String),
      expires_at: null,
      flow_id: null,
      waiting_for: 0,
    });
  });

  it('should answer a wait with the state as it is when the time is over', async () => {
    const { body } = await add({ countdown: 600 });
    const asked = Date.now();
    const answer = await t.call({ url: `/v1/tasks/${body.task_id}?wait=1` });
    expect(answer.body.status).toBe('PENDING');
    expect(Date.now() - asked).toBeGreaterThanOrEqual(950);
  });

  it('should take a batch all or none', async () => {
    const entry = { task: 'test_add', payload: { a: 1, b: 1 } };
    const good = await t.call({ method: 'POST', url: '/v1/tasks/batch', payload: { tasks: [entry, entry, entry] } });
    expect(good).toMatchObject({ status: 202 });
    expect(new Set(good.body.task_ids).size).toBe(3);

    const count = async () => (await t.db.query<{ n: number }>('select count(*)::int as n from tasks'))[0]?.n;
    const before = await count();
    const bad = { tasks: [entry, { task: 'test_add', payload: { a: 'x' } }, { task: 'test_gate', payload: { z: 1 } }] };
    const refused = await t.call({ method: 'POST', url: '/v1/tasks/batch', payload: bad });
    expect(problem(refused)).toMatchObject({ code: 'payload_invalid', status: 400 });
    expect(refused.body.errors.map((error: { field: string }) => error.field)).toEqual([
      'tasks.1.payload.a',
      'tasks.1.payload.b',
      'tasks.2.payload',
    ]);
    expect(await count()).toBe(before);
  });

  it('should list every field that is wrong, of the request and of the payload', async () => {
    const refused = await send({
      task: 'test_add',
      payload: { a: 'x', b: 1, c: 2 },
      options: {
        priority: 10,
        countdown: -1,
        eta: 'tomorrow',
        expires: 0,
        task_id: 'no',
        unique_key: '',
        queue: 'q',
        more: 1,
      },
      extra: true,
    });
    expect(problem(refused)).toMatchObject({ code: 'request_invalid', status: 400 });
    const fields = refused.body.errors.map((error: { field: string }) => error.field);
    expect(new Set(fields)).toEqual(
      new Set([
        ...['priority', 'countdown', 'eta', 'expires', 'task_id', 'unique_key', 'queue', 'more'].map(
          (f) => `options.${f}`,
        ),
        'extra',
        'payload.a',
        'payload',
      ]),
    );
  });

  it('should refuse countdown together with eta, prototypes in payloads, and a missing payload', async () => {
    const both = await add({ countdown: 5, eta: '2031-05-04T12:00:00+02:00' });
    expect(both.body.errors).toEqual([{ field: 'options.eta', message: expect.stringContaining('not both') }]);
    for (const name of ['__proto__', 'constructor']) {
      const answer = await t.call({
        method: 'POST',
        url: '/v1/tasks',
        headers: { 'content-type': 'application/json' },
        payload: `{"task":"test_add","payload":{"a":1,"b":2,"${name}":{"prototype":{}}}}`,
      });
      expect(problem(answer)).toMatchObject({ status: 400, errors: [{ field: `payload.${name}` }] });
    }
    expect((await send({ task: 'test_add' })).body.errors).toEqual([{ field: 'payload', message: 'is missing' }]);
  });

  it('should refuse what it cannot do with 422', async () => {
    expect(problem(await send({ task: 'nobody_knows', payload: {} }))).toMatchObject({
      code: 'task_unknown',
      status: 422,
      errors: [{ field: 'task' }],
    });
  });

  it('should give the old answer for the same id and payload, and 409 for another payload', async () => {
    const task_id = randomUUID();
    const first = await add({ task_id });
    expect(first).toMatchObject({ status: 202, body: { task_id } });
    expect(await add({ task_id: task_id.toUpperCase() })).toMatchObject({ status: 202, body: { task_id } });
    const other = await send({ task: 'test_add', payload: { a: 5, b: 5 }, options: { task_id } });
    expect(problem(other)).toMatchObject({ code: 'task_id_taken', status: 409 });
  });

  it('should keep one live task a unique key', async () => {
    const options = { unique_key: 'only one', countdown: 600 };
    const first = await add(options);
    expect((await add(options)).body.task_id).toBe(first.body.task_id);
    expect(problem(await add({ ...options, unique_policy: 'reject' }))).toMatchObject({
      code: 'unique_key_taken',
      status: 409,
    });
  });

  it('should refuse too much with 413', async () => {
    const tasks = Array.from({ length: 1001 }, () => ({ task: 'test_add', payload: { a: 1, b: 1 } }));
    const many = await t.call({ method: 'POST', url: '/v1/tasks/batch', payload: { tasks } });
    expect(problem(many)).toMatchObject({ code: 'batch_too_large', status: 413 });
    const big = await send({ task: 'test_fail', payload: { why: 'x'.repeat(1024 * 1024) } });
    expect(problem(big)).toMatchObject({ code: 'payload_too_large', status: 413 });
    const huge = await send({ task: 'test_fail', payload: { why: 'x'.repeat(2 * 1024 * 1024) } });
    expect(problem(huge)).toMatchObject({ code: 'body_too_large', status: 413 });
  });

  it('should cancel once: 202, then 409; 404 for what is not there or is of another tenant', async () => {
    const { body } = await add({ countdown: 600 });
    const url = `/v1/tasks/${body.task_id}`;
    expect(problem(await t.call({ method: 'DELETE', url, headers: asOther() })).status).toBe(404);
    expect(problem(await t.call({ url, headers: asOther() }))).toMatchObject({ code: 'task_not_found', status: 404 });
    expect(await t.call({ method: 'DELETE', url })).toMatchObject({ status: 202, body: { status: 'CANCELLED' } });
    expect(problem(await t.call({ method: 'DELETE', url }))).toMatchObject({ code: 'task_finished', status: 409 });
    expect(problem(await t.call({ method: 'DELETE', url: `/v1/tasks/${randomUUID()}` })).status).toBe(404);
    expect(problem(await t.call({ url: '/v1/tasks/not-an-id' })).errors).toEqual([
      { field: 'task_id', message: 'expected a UUID' },
    ]);
  });

  it('should list by filter in pages, newest first, without gap or repeat', async () => {
    const sent: string[] = [];
    for (let n = 0; n < 7; n += 1) {
      const { body } = await t.call({
        method: 'POST',
        url: '/v1/tasks',
        headers: asOther(),
        payload: { task: 'test_add', payload: { a: n, b: n }, options: { countdown: 600, queue: 'mail' } },
      });
      sent.unshift(body.task_id);
    }
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = `status=PENDING&queue=mail&task=test_add&limit=3${cursor && `&cursor=${cursor}`}`;
      const { body } = await t.call({ url: `/v1/tasks?${query}`, headers: asOther() });
      seen.push(...body.tasks.map((task: { task_id: string }) => task.task_id));
      cursor = body.next_cursor;
    }
    expect(seen).toEqual(sent);
    expect(problem(await t.call({ url: '/v1/tasks?cursor=bm90IG91cnM' }))).toMatchObject({ code: 'cursor_invalid' });
    const wrong = await t.call({ url: '/v1/tasks?limit=0&status=DONE&staus=FAILED' });
    expect(wrong.body.errors.map((error: { field: string }) => error.field).sort()).toEqual([
      'limit',
      'status',
      'staus',
    ]);
  });

  it('should say what cannot be stored as text', async () => {
    const answer = await t.call({
      method: 'POST',
      url: '/v1/tasks',
      headers: { 'content-type': 'application/json' },
      payload: '{"task":"test_fail","payload":{"why":"\\ud800"}}',
    });
    expect(problem(answer)).toMatchObject({ status: 400 });
  });
});
