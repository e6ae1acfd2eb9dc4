import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newApiKey } from '../../../worker/services/tenants/tenants.ts';
import { problem, startTestApi, type TestApi } from './setup.ts';

const noKey = { authorization: '' };

describe('refusals of the API', () => {
  let t: TestApi;
  beforeAll(async () => {
    t = await startTestApi();
  });
  afterAll(() => t[Symbol.asyncDispose]());

  it('should want a key for everything under /v1, also for what is not there', async () => {
    for (const url of ['/v1/tasks', '/v1/queues', '/v1/nothing']) {
      const answer = await t.call({ url, headers: noKey });
      expect(problem(answer)).toMatchObject({ code: 'key_missing', status: 401 });
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
    const unknown = await t.call({ url: '/v1/tasks', headers: { authorization: `Bearer ${newApiKey()}` } });
    expect(problem(unknown)).toMatchObject({ code: 'key_unknown', status: 401 });
    const basic = await t.call({ url: '/v1/tasks', headers: { authorization: 'Basic dXNlcjpwYXNz' } });
    expect(problem(basic)).toMatchObject({ code: 'key_missing', status: 401 });
  });

  it('should leave probes, metrics and its description open', async () => {
    for (const url of ['/healthz', '/readyz', '/metrics', '/openapi.json']) {
      expect(await t.call({ url, headers: noKey })).toMatchObject({ status: 200 });
    }
    const { body } = await t.call({ url: '/metrics', headers: noKey });
    expect(body).toContain('millrace_http_request_duration_seconds_count{method="GET",route="/healthz",status="200"}');
  });

  it('should answer unknown addresses and methods as problems', async () => {
    expect(problem(await t.call({ url: '/nothing' }))).toMatchObject({ code: 'not_found', status: 404 });
    expect(problem(await t.call({ url: '/v1/nothing' }))).toMatchObject({ code: 'not_found', status: 404 });
    expect(problem(await t.call({ method: 'PUT', url: '/v1/tasks' })).status).toBe(404);
    expect(problem(await t.call({ url: '/v1/tasks/%E0%A4%A' }))).toMatchObject({ code: 'http_malformed', status: 400 });
  });

  it('should refuse bodies that are no JSON', async () => {
    const post = (type: string, payload: string) =>
      t.call({ method: 'POST', url: '/v1/tasks', headers: { 'content-type': type }, payload });
    expect(problem(await post('application/json', '{"task":'))).toMatchObject({ code: 'json_malformed', status: 400 });
    expect(problem(await post('application/json', ''))).toMatchObject({ code: 'json_malformed', status: 400 });
    expect(problem(await post('text/plain', 'hello'))).toMatchObject({ code: 'media_type_unsupported', status: 415 });
    expect(problem(await post('application/xml', '<a/>'))).toMatchObject({ status: 415 });
    expect(problem(await post('application/json', '[]'))).toMatchObject({ code: 'request_invalid', status: 400 });
  });

  it('should answer what is no HTTP in the same shape', async () => {
    const socket = connect(t.port, '127.0.0.1');
    socket.write('NOT HTTP AT ALL\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ code: 'http_malformed' });
  });

  it('should take over a sane request id and make one instead of another', async () => {
    const own = await t.call({ url: '/healthz', headers: { 'x-request-id': 'trace-17' } });
    expect(own.headers['x-request-id']).toBe('trace-17');
    const bad = await t.call({ url: '/healthz', headers: { 'x-request-id': 'a b\tc' } });
    expect(bad.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(own.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    expect(own.headers).not.toHaveProperty('x-powered-by');
  });

  it('should never log a key', async () => {
    expect((await t.call({ url: '/v1/schedules', headers: { authorization: `Bearer ${t.otherKey}` } })).status).toBe(
      200,
    );
    expect((await t.call({ url: '/v1/tasks?limit=x' })).status).toBe(400);
    const lines = t.logged.join('');
    expect(lines).not.toContain(t.key);
    expect(lines).not.toContain(t.otherKey);
  });

  it('should describe itself with every call, its problems and examples', async () => {
    const { body } = await t.call({ url: '/openapi.json' });
    expect(body.openapi).toBe('3.1.0');
    expect(body.components.securitySchemes.key).toMatchObject({ type: 'http', scheme: 'bearer' });
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/v1/tasks',
        '/v1/tasks/batch',
        '/v1/tasks/{task_id}',
        '/v1/tasks/{task_id}/events',
        '/v1/queues/{name}/purge',
        '/v1/dead-letters/{task_id}/retry',
        '/v1/datasets/{dataset_id}/document/create-by-file',
        '/v1/datasets/{dataset_id}/documents/{batch}/indexing-status',
        '/v1/datasets/{dataset_id}/retrieve',
      ]),
    );
    const post = body.paths['/v1/tasks'].post;
    expect(post.responses['400'].content['application/problem+json'].schema).toEqual({
      $ref: '#/components/schemas/Problem',
    });
    expect(post.requestBody.content['application/json'].example.task).toBe('sample_sleep');
    const form = body.paths['/v1/datasets/{dataset_id}/document/create-by-file'].post.requestBody;
    expect(form.content['multipart/form-data'].schema.properties.file).toMatchObject({ format: 'binary' });
    const refs = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    const named = Object.keys(body.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(new Set(refs)).toEqual(new Set(named));
  });
});

describe('an API whose limits are set', () => {
  it('should refuse the request after the last one of a minute, by key', async () => {
    await using t = await startTestApi({ rateLimit: 3 });
    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await t.call({ url: '/v1/schedules' })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await t.call({ url: '/v1/schedules' });
    expect(problem(refused)).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    const other = await t.call({ url: '/v1/schedules', headers: { authorization: `Bearer ${t.otherKey}` } });
    expect(other.status).toBe(200);
    expect((await t.call({ url: '/healthz' })).status).toBe(200);
  });
});

describe('an API whose database is gone', () => {
  it('should answer 503 and say that nothing was accepted', async () => {
    await using t = await startTestApi();
    expect((await t.call({ url: '/v1/tasks' })).status).toBe(200);
    await t.db.close();
    const sent = await t.call({
      method: 'POST',
      url: '/v1/tasks',
      payload: { task: 'test_add', payload: { a: 1, b: 2 } },
    });
    expect(problem(sent)).toMatchObject({ code: 'database_unavailable', status: 503 });
    expect(sent.body.detail).toContain('Nothing was accepted');
    expect(sent.headers['retry-after']).toBe('2');
    expect(problem(await t.call({ url: '/v1/tasks' })).status).toBe(503);
    expect((await t.call({ url: '/healthz' })).status).toBe(200);
  });
});

describe('an API that is not ready', () => {
  it('should say why with 503', async () => {
    const checks = { redis: { ok: false, detail: 'no answer within 2000 ms' } };
    await using t = await startTestApi({ change: () => ({ readiness: async () => ({ ready: false, checks }) }) });
    expect(await t.call({ url: '/readyz' })).toMatchObject({ status: 503, body: { ready: false, checks } });
  });

  it('should say so too when the question itself fails', async () => {
    const readiness = async () => {
      throw new Error('broken');
    };
    await using t = await startTestApi({ change: () => ({ readiness }) });
    expect((await t.call({ url: '/readyz' })).body.ready).toBe(false);
  });
});

describe('an API that hits a mistake of ours', () => {
  it('should answer 500 without internals and log the cause', async () => {
    const workers = async () => {
      throw new Error('secret internals');
    };
    await using t = await startTestApi({ change: () => ({ workers }) });
    const answer = await t.call({ url: '/v1/workers' });
    expect(problem(answer)).toMatchObject({ code: 'internal_error', status: 500 });
    expect(JSON.stringify(answer.body)).not.toContain('secret internals');
    expect(t.logged.some((line) => line.includes('secret internals') && line.includes(answer.body.instance))).toBe(
      true,
    );
  });
});

it('should end what it keeps open when it closes', async () => {
  const t = await startTestApi();
  const socket = connect(t.port, '127.0.0.1');
  const { body } = await t.call({
    method: 'POST',
    url: '/v1/tasks',
    payload: { task: 'test_add', payload: { a: 1, b: 2 }, options: { countdown: 600 } },
  });
  socket.write(`GET /v1/tasks/${body.task_id}?wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${t.key}\r\n\r\n`);
  // asked for before the close: somebody listens
  await expect.poll(() => t.runtime.hub.size).toBe(1);
  const began = Date.now();
  const answered = once(socket, 'data');
  await t.api.close();
  expect(String((await answered)[0])).toContain('"status":"PENDING"');
  expect(Date.now() - began).toBeLessThan(1000);
  socket.destroy();
  await t[Symbol.asyncDispose]();
});
