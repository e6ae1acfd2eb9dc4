import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHealthServer } from '../../../worker/api/index.ts';
import { queueNames } from '../../../worker/queues.ts';
import { until } from '../../harness/until.ts';
import { problem, startTestApi, type TestApi } from './setup.ts';

describe('operating over HTTP', () => {
  let t: TestApi;
  beforeAll(async () => {
    t = await startTestApi();
  });
  afterAll(() => t[Symbol.asyncDispose]());

  const asOther = () => ({ authorization: `Bearer ${t.otherKey}` });
  const send = async (body: object, headers = {}) =>
    (await t.call({ method: 'POST', url: '/v1/tasks', payload: body, headers })).body.task_id as string;
  const queue = async (name: string) =>
    (await t.call({ url: '/v1/queues' })).body.queues.find((entry: { name: string }) => entry.name === name);

  it('should list every queue with depth, age, consumers and what Redis holds', async () => {
    await send({ task: 'test_add', payload: { a: 1, b: 1 }, options: { queue: 'plugin' } });
    const { body } = await t.call({ url: '/v1/queues' });
    expect(body.queues.map((entry: { name: string }) => entry.name)).toEqual(queueNames);
    const plugin = await queue('plugin');
    expect(plugin).toMatchObject({ tier: 'normal', paused: false, consumers: 0, redis: { active: 0 } });
    expect(plugin.depth.pending + plugin.depth.queued).toBe(1);
    expect(plugin.oldest_seconds).toBeGreaterThan(0);
    expect((await queue('fast_tasks')).consumers).toBe(1);
    expect(Math.abs(Date.now() - Date.parse(body.counted_at))).toBeLessThan(60_000);
  });

  it('should pause a queue, keep what comes, and run it when resumed', async () => {
    expect(await t.call({ method: 'POST', url: '/v1/queues/fast_tasks/pause' })).toMatchObject({
      status: 200,
      body: { name: 'fast_tasks', paused: true },
    });
    const id = await send({ task: 'test_add', payload: { a: 1, b: 1 } });
    expect((await queue('fast_tasks')).paused).toBe(true);
    expect((await t.call({ url: `/v1/tasks/${id}?wait=1` })).body.status).toMatch(/PENDING|QUEUED/);
    await t.call({ method: 'POST', url: '/v1/queues/fast_tasks/resume' });
    expect((await t.call({ url: `/v1/tasks/${id}?wait=30` })).body.status).toBe('COMPLETED');
    expect(problem(await t.call({ method: 'POST', url: '/v1/queues/none/pause' })).code).toBe('queue_not_found');
  });

  it("should purge the tenant's own tasks only", async () => {
    const waiting = { task: 'test_add', payload: { a: 1, b: 1 }, options: { queue: 'mail', countdown: 600 } };
    const own = await send(waiting);
    const others = await send(waiting, asOther());
    expect((await t.call({ method: 'POST', url: '/v1/queues/mail/purge' })).body).toEqual({
      name: 'mail',
      purged: 1,
      not_durable: 0,
    });
    expect((await t.call({ url: `/v1/tasks/${own}` })).body).toMatchObject({
      status: 'CANCELLED',
      error: { code: 'purged' },
    });
    expect((await t.call({ url: `/v1/tasks/${others}`, headers: asOther() })).body.status).toBe('PENDING');
  });

  it('should leave no job of what was cancelled, replaced or purged in a queue that nobody takes from', async () => {
    const jobs = async () => (await t.runtime.broker.counts('retention')).prioritized;
    const waiting = { task: 'test_add', payload: { a: 1, b: 1 } };
    const options = { queue: 'retention' };
    const keyed = { ...options, unique_key: 'the one', unique_policy: 'replace' };
    const waits = async (count: number) => until(`${count} jobs wait`, 10_000, async () => (await jobs()) === count);
    const first = await send({ ...waiting, options });
    await send({ ...waiting, options: keyed });
    await waits(2);
    await t.call({ method: 'DELETE', url: `/v1/tasks/${first}` });
    await waits(1);
    const second = await send({ ...waiting, options: keyed });
    await until('the job is the newer one', 10_000, async () => {
      return (await t.runtime.broker.missing([{ id: second, queue: 'retention' }])).length === 0;
    });
    await waits(1);
    await send({ ...waiting, options });
    await waits(2);
    await t.call({ method: 'POST', url: '/v1/queues/retention/purge' });
    expect(await jobs()).toBe(0);
  });

  it('should show, retry and drop dead letters, one by one', async () => {
    const id = await send({ task: 'test_fail', payload: { why: 'no reason' } });
    await t.runtime.ended(id);
    const { body } = await t.call({ url: '/v1/dead-letters?task=test_fail' });
    expect(body.dead_letters).toMatchObject([
      { task_id: id, status: 'FAILED', payload: { why: 'no reason' }, error_history: [{ message: 'no reason' }] },
    ]);
    const url = `/v1/dead-letters/${id}`;
    expect(problem(await t.call({ method: 'POST', url: `${url}/retry`, headers: asOther() })).status).toBe(404);
    expect(await t.call({ method: 'POST', url: `${url}/retry` })).toMatchObject({ status: 202, body: { task_id: id } });
    await t.runtime.ended(id);
    expect((await t.call({ method: 'DELETE', url })).status).toBe(204);
    expect(problem(await t.call({ method: 'DELETE', url })).code).toBe('dead_letter_not_found');
    expect((await t.call({ url: '/v1/dead-letters' })).body.dead_letters).toEqual([]);
    expect((await t.call({ url: `/v1/tasks/${id}` })).body.status).toBe('FAILED');
  });

  it('should retry and drop dead letters in bulk, and only by a filter', async () => {
    const ids = await Promise.all(
      Array.from({ length: 3 }, () => send({ task: 'test_fail', payload: { why: 'no reason' } })),
    );
    await Promise.all(ids.map((id) => t.runtime.ended(id)));
    const none = await t.call({ method: 'POST', url: '/v1/dead-letters/retry', payload: {} });
    expect(problem(none).errors).toEqual([{ field: 'all', message: 'give a queue, a task, or all: true' }]);
    expect(problem(await t.call({ method: 'DELETE', url: '/v1/dead-letters' })).status).toBe(400);
    expect(problem(await t.call({ method: 'DELETE', url: '/v1/dead-letters?all=false' })).status).toBe(400);
    const retried = await t.call({ method: 'POST', url: '/v1/dead-letters/retry', payload: { task: 'test_fail' } });
    expect(new Set(retried.body.task_ids)).toEqual(new Set(ids));
    await Promise.all(ids.map((id) => t.runtime.ended(id)));
    expect((await t.call({ method: 'DELETE', url: '/v1/dead-letters?queue=fast_tasks' })).body).toEqual({ dropped: 3 });
  });

  it("should name a worker's own tasks and only count those of others", async () => {
    const own = await send({ task: 'test_gate', payload: {} });
    const others = await send({ task: 'test_gate', payload: {} }, asOther());
    await until('both run', 20_000, async () => {
      const [row] = await t.db.query<{ running: number }>(
        `select count(*)::int as running from tasks where id = any ($1::uuid[]) and status = 'RUNNING'`,
        [[own, others]],
      );
      return row?.running === 2;
    });
    const { body } = await t.call({ url: '/v1/workers' });
    expect(body.workers).toMatchObject([{ name: 'test', slots: { busy: 2 }, running: [{ task_id: own }] }]);
    t.gate.release();
    await Promise.all([t.runtime.ended(own), t.runtime.ended(others)]);
  });

  const schedule = async (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, payload?: object, headers = {}) =>
    t.call({ method, url: `/v1/schedules${path}`, headers, ...(payload && { payload }) });
  const adding = { task: 'test_add', payload: { a: 2, b: 3 } };

  it('should make, show, change and delete schedules of the tenant, and nobody else', async () => {
    const made = await schedule('PUT', '/sum', { ...adding, cron: '0 4 * * *', timezone: 'Europe/Berlin' });
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'sum', status: 'active', source: 'api', missed: 'latest' },
    });
    expect(new Date(made.body.next_slot).getTime()).toBeGreaterThan(Date.now());
    const shown = await schedule('GET', '/sum');
    expect(shown.body).toMatchObject({ ...made.body, recent: [] });
    expect(shown.body.upcoming).toHaveLength(5);
    expect(shown.body.upcoming[0]).toBe(made.body.next_slot);
    expect(await schedule('PUT', '/sum', { ...adding, every_seconds: 60, jitter_seconds: 5 })).toMatchObject({
      status: 200,
      body: { cron: null, every_seconds: 60, jitter_seconds: 5 },
    });
    for (const [method, path] of [
      ['GET', '/sum'],
      ['POST', '/sum/pause'],
      ['POST', '/sum/resume'],
      ['POST', '/sum/run'],
      ['DELETE', '/sum'],
    ] as const)
      expect(problem(await schedule(method, path, undefined, asOther()))).toMatchObject({
        status: 404,
        code: 'schedule_not_found',
      });
    expect((await schedule('PUT', '/sum', { ...adding, every_seconds: 5 }, asOther())).status).toBe(201);
    expect((await schedule('GET', '/sum')).body.every_seconds).toBe(60);
    expect((await schedule('DELETE', '/sum')).status).toBe(204);
    expect((await schedule('GET', '/sum')).status).toBe(404);
  });

  it('should pause and resume a schedule, and run one by hand', async () => {
    await schedule('PUT', '/by-hand', { ...adding, every_seconds: 3600 });
    expect((await schedule('POST', '/by-hand/pause')).body).toMatchObject({ status: 'paused', next_slot: null });
    const run = await schedule('POST', '/by-hand/run');
    expect(run).toMatchObject({ status: 202, body: { status: 'PENDING' } });
    expect((await t.call({ url: `/v1/tasks/${run.body.task_id}?wait=30` })).body).toMatchObject({
      status: 'COMPLETED',
      result: { sum: 5 },
    });
    expect((await schedule('GET', '/by-hand')).body.recent).toMatchObject([
      { task_id: run.body.task_id, by_hand: true, fired_by: 'api', term: null },
    ]);
    expect((await schedule('POST', '/by-hand/resume')).body).toMatchObject({ status: 'active' });
  });

  it('should list schedules in pages, and say who fires them', async () => {
    for (const name of ['page-a', 'page-b', 'page-c'])
      await schedule('PUT', `/${name}`, { task: 'test_gate', every_seconds: 86_400 });
    const first = await schedule('GET', '?task=test_gate&limit=2');
    expect(first.body).toMatchObject({ schedules: [{ name: 'page-a' }, { name: 'page-b' }], leader: null });
    const second = await schedule('GET', `?task=test_gate&limit=2&cursor=${first.body.next_cursor}`);
    expect(second.body).toMatchObject({ schedules: [{ name: 'page-c' }], next_cursor: null });
    expect(problem(await schedule('GET', '?cursor=%3F')).code).toBe('cursor_invalid');
    await t.db.query(
      `update beat_leader set holder = gen_random_uuid(), name = 'host:1', since = now(), lease_until = now() + interval '15 s'`,
    );
    expect((await schedule('GET', '?limit=1')).body.leader).toMatchObject({ name: 'host:1', term: 0 });
  });

  it('should say of a schedule what cannot be kept, and refuse to change what code defines', async () => {
    const put = async (body: object) => problem(await schedule('PUT', '/bad', { ...adding, ...body }));
    expect(await put({})).toMatchObject({ status: 400, code: 'request_invalid', errors: [{ field: 'cron' }] });
    expect(await put({ every_seconds: 5, cron: '* * * * *' })).toMatchObject({ errors: [{ field: 'cron' }] });
    expect(await put({ every_seconds: 5, timezone: 'UTC' })).toMatchObject({ errors: [{ field: 'timezone' }] });
    expect(await put({ every_seconds: 5, payload: { a: 'x', b: 1 } })).toMatchObject({
      code: 'payload_invalid',
      errors: [{ field: 'payload.a' }],
    });
    expect(await put({ every_seconds: 5, task: 'none' })).toMatchObject({ status: 422, code: 'task_unknown' });
    expect(await put({ cron: '99 * * * *' })).toMatchObject({ status: 400, code: 'schedule_invalid' });
    expect(await put({ cron: '* * * * *', timezone: 'Nowhere' })).toMatchObject({ code: 'schedule_invalid' });
    expect(await put({ every_seconds: 5, jitter_seconds: 5 })).toMatchObject({ code: 'schedule_invalid' });
    await schedule('PUT', '/of-code', { ...adding, every_seconds: 60 });
    await t.db.query(`update schedules set source = 'platform', built = false where name = 'of-code'`);
    expect((await schedule('GET', '?status=not_built')).body.schedules).toMatchObject([{ name: 'of-code' }]);
    expect(problem(await schedule('PUT', '/of-code', { ...adding, every_seconds: 5 })).code).toBe('schedule_fixed');
    expect(problem(await schedule('DELETE', '/of-code'))).toMatchObject({ status: 409, code: 'schedule_fixed' });
    expect(problem(await schedule('POST', '/of-code/run'))).toMatchObject({ status: 409, code: 'schedule_not_built' });
  });
});

describe('the health server of a process without an API', () => {
  it('should answer probes and scrapers, and nothing else', async () => {
    const metrics = new Registry();
    let ready = true;
    const server = await startHealthServer({
      host: '127.0.0.1',
      port: 0,
      readiness: async () => ({ ready, checks: { redis: { ok: ready } } }),
      metrics,
      log: pino({ level: 'silent' }),
    });
    const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
    expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' });
    expect((await get('/readyz?x=1')).status).toBe(200);
    ready = false;
    const refused = await get('/readyz');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toEqual({ ready: false, checks: { redis: { ok: false } } });
    expect((await get('/metrics')).headers.get('content-type')).toContain('text/plain');
    const unknown = await get(`/v1/tasks/${randomUUID()}`);
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ code: 'not_found' });
    await expect(
      startHealthServer({
        host: '127.0.0.1',
        port: server.port,
        readiness: async () => ({ ready: true, checks: {} }),
        metrics,
        log: pino({ level: 'silent' }),
      }),
    ).rejects.toMatchObject({ code: 'health_port_taken' });
    await server.close();
  });
});
