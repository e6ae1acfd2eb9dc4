import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chord } from '../../harness/flow-tasks.ts';
import { until } from '../../harness/until.ts';
import { openEvents, type Told } from './live-clients.ts';
import { problem, startTestApi, type TestApi } from './setup.ts';

describe('flows over HTTP', () => {
  let t: TestApi;
  beforeAll(async () => {
    t = await startTestApi();
  });
  afterAll(() => t[Symbol.asyncDispose]());

  const post = (payload: object) => t.call({ method: 'POST', url: '/v1/flows', payload });
  const send = (flow: unknown) => post({ flow });
  const asOther = () => ({ authorization: `Bearer ${t.otherKey}` });
  const add = (a: number, options?: object) => ({ task: 'test_add', payload: { a, b: 1 }, options });
  const gate = { task: 'test_gate', payload: {} };
  const ended = async (id: string) => {
    await until('the flow has ended', 20_000, async () => (await t.call({ url: `/v1/flows/${id}` })).body.ended);
    return (await t.call({ url: `/v1/flows/${id}` })).body;
  };
  const fields = (answer: { body: { errors: { field: string }[] } }) => answer.body.errors.map(({ field }) => field);

  it('should accept a flow with 202, run it, and tell its tasks with their parents', async () => {
    const accepted = await send({ chain: [add(1), { group: [add(2), add(3)] }, add(4)] });
    expect(accepted).toMatchObject({
      status: 202,
      body: {
        flow_id: expect.any(String),
        tasks: { chain: [{ task_id: expect.any(String) }, { group: [{}, {}] }, {}] },
      },
    });
    const { flow_id, tasks } = accepted.body;
    const flow = await ended(flow_id);
    const [first, { group }, last] = tasks.chain;
    const ids = [first, ...group, last].map((task: { task_id: string }) => task.task_id);
    expect(flow).toMatchObject({ flow_id, ended: true, states: { COMPLETED: 4 } });
    expect(flow.tasks.map((task: { task_id: string }) => task.task_id)).toEqual(ids);
    expect(flow.tasks.map((task: { parents: string[] }) => task.parents)).toEqual([
      [],
      [ids[0]],
      [ids[0]],
      [ids[1], ids[2]],
    ]);
    expect((await t.call({ url: `/v1/tasks/${ids[3]}` })).body).toMatchObject({ flow_id, waiting_for: 0 });
  });

  it('should say of a task that waits for how many', async () => {
    const { body } = await send({ chain: [gate, add(1)] });
    const waiting = await t.call({ url: `/v1/tasks/${body.tasks.chain[1].task_id}` });
    expect(waiting.body).toMatchObject({ status: 'PENDING', waiting_for: 1, due_at: null });
    expect((await t.call({ url: '/v1/tasks?status=PENDING' })).status).toBe(200);
    expect((await t.call({ method: 'DELETE', url: `/v1/flows/${body.flow_id}` })).body).toEqual({
      flow_id: body.flow_id,
      cancelled: 2,
    });
    const again = await t.call({ method: 'DELETE', url: `/v1/flows/${body.flow_id}` });
    expect(problem(again)).toMatchObject({ status: 409, code: 'flow_finished' });
    expect((await t.call({ url: `/v1/flows/${body.flow_id}` })).body).toMatchObject({
      ended: true,
      states: { CANCELLED: 2 },
    });
  });

  it('should say why a task was cancelled, and go on when the dead letter is retried', async () => {
    const { body } = await send({ chain: [{ task: 'test_fail', payload: { why: 'so it is' } }, add(1)] });
    const flow = await ended(body.flow_id);
    const [failed, next] = flow.tasks;
    expect(next).toMatchObject({ status: 'CANCELLED', error: { code: 'parent_ended', parent: failed.task_id } });
    const retried = await t.call({ method: 'POST', url: `/v1/dead-letters/${failed.task_id}/retry` });
    expect(retried.status).toBe(202);
    expect((await ended(body.flow_id)).states).toEqual({ FAILED: 1, CANCELLED: 1 });
  });

  it('should name every place of a wrong shape and accept nothing', async () => {
    const count = async () => (await t.db.query<{ n: number }>('select count(*)::int as n from tasks'))[0]?.n;
    const before = await count();
    const shape = await send({ chain: [add(1), { group: 7 }, { group: [{}], more: 1 }, 'x', { task: 'test_add' }] });
    expect(problem(shape)).toMatchObject({ status: 400, code: 'request_invalid' });
    expect(new Set(fields(shape))).toEqual(
      new Set([
        'flow.chain.1.group',
        'flow.chain.2.more',
        'flow.chain.2.group.0.task',
        'flow.chain.2.group.0.payload',
        'flow.chain.3',
        'flow.chain.4.payload',
      ]),
    );
    const refused = { ...add(1), options: { unique_key: 'k', eta: '2031-05-04T12:00:00Z', durable: false } };
    const group = [
      { task: 'test_add', payload: { a: 'x' } },
      { task: 'nobody_knows', payload: {} },
    ];
    const wrong = await send(chord<object>(group, refused));
    expect(problem(wrong)).toMatchObject({ status: 400, code: 'flow_invalid' });
    expect(fields(wrong)).toEqual([
      'flow.group.0.payload.a',
      'flow.group.0.payload.b',
      'flow.group.1.task',
      ...['eta', 'unique_key', 'durable'].map((option) => `flow.then.options.${option}`),
    ]);
    expect(problem(await send({ chain: [] }))).toMatchObject({ status: 400, code: 'flow_invalid' });
    expect(
      problem(await post({ flow: add(1), more: 1, flow_id: 'x' }))
        .errors?.map(({ field }) => field)
        .sort(),
    ).toEqual(['flow_id', 'more']);
    expect(await count()).toBe(before);
  });

  it('should bound how many tasks, how deep, and how many pairs', async () => {
    const many = await send({ group: Array.from({ length: 1001 }, () => add(1)) });
    expect(problem(many)).toMatchObject({ status: 413, code: 'flow_too_large' });
    const group = { group: Array.from({ length: 101 }, () => add(1)) };
    expect(problem(await send({ chain: [group, group] }))).toMatchObject({ status: 413, code: 'flow_too_large' });
    const deep = (levels: number) => `${'{"chain":['.repeat(levels)}${JSON.stringify(add(1))}${']}'.repeat(levels)}`;
    const raw = (flow: string) =>
      t.call({
        method: 'POST',
        url: '/v1/flows',
        headers: { 'content-type': 'application/json' },
        payload: `{"flow":${flow}}`,
      });
    expect((await raw(deep(99))).status).toBe(202);
    expect(problem(await raw(deep(100)))).toMatchObject({ status: 400, code: 'request_invalid' });
    expect(problem(await raw(deep(100_000))).status).toBe(400);
  });

  it('should give the old answer for the same flow under the same ids, and 409 for another', async () => {
    const flow_id = randomUUID();
    const task_id = randomUUID();
    const flow = { chain: [add(1), add(2)] };
    const first = await post({ flow, flow_id });
    expect(await post({ flow, flow_id: flow_id.toUpperCase() })).toMatchObject({ status: 202, body: first.body });
    const other = await post({ flow: { chain: [add(1), add(3)] }, flow_id });
    expect(problem(other)).toMatchObject({ status: 409, code: 'flow_id_taken' });

    const named = { chain: [add(1, { task_id }), add(2)] };
    const second = await send(named);
    await ended(second.body.flow_id);
    expect((await send(named)).body).toEqual(second.body);
    const taken = await send({ chain: [add(1, { task_id }), add(9)] });
    expect(problem(taken)).toMatchObject({ status: 409, code: 'task_id_taken' });
    expect(fields(taken)).toEqual(['flow.chain.0.options.task_id']);
  });

  it('should be of the user that the flow or its task names, who hears of it', async () => {
    using ada = await openEvents(t, '/v1/events?user_id=ada');
    using bob = await openEvents(t, '/v1/events?user_id=bob');
    const flow = { chain: [add(1), add(2, { user_id: 'bob' }), add(3)] };
    const flow_id = randomUUID();
    const { body } = await post({ flow, flow_id, user_id: 'ada' });
    const [first, second, third] = body.tasks.chain.map(({ task_id }: { task_id: string }) => task_id);
    const isEnd = (id: string) => (one: Told) => one.event === 'result' && one.data.task_id === id;
    await Promise.all([ada.until(isEnd(first)), bob.until(isEnd(second)), ada.until(isEnd(third))]);
    expect(new Set(ada.told.map(({ data }) => data.task_id))).toEqual(new Set([first, third]));
    expect(new Set(bob.told.map(({ data }) => data.task_id))).toEqual(new Set([second]));
    expect((await post({ flow, flow_id, user_id: 'ada' })).body).toEqual(body);
    const others = await post({ flow, flow_id, user_id: 'eve' });
    expect(problem(others)).toMatchObject({ status: 409, code: 'flow_id_taken' });
    const wrong = await post({ flow: add(1, { user_id: '' }), user_id: 7 });
    expect(fields(wrong)).toEqual(['user_id']);
    expect(fields(await post({ flow: add(1, { user_id: '' }) }))).toEqual(['flow.options.user_id']);
  });

  it('should answer 404 for what is not there or is of another tenant', async () => {
    const { body } = await send(add(1));
    for (const method of ['GET', 'DELETE'] as const) {
      const others = await t.call({ method, url: `/v1/flows/${body.flow_id}`, headers: asOther() });
      expect(problem(others)).toMatchObject({ status: 404, code: 'flow_not_found' });
      expect(problem(await t.call({ method, url: `/v1/flows/${randomUUID()}` })).status).toBe(404);
    }
    const flow_id = body.flow_id;
    const stolen = await t.call({
      method: 'POST',
      url: '/v1/flows',
      headers: asOther(),
      payload: { flow: add(1), flow_id },
    });
    expect(problem(stolen)).toMatchObject({ status: 409, code: 'flow_id_taken' });
  });
});
