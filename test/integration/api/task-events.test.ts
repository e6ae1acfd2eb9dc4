import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEvents, type Told } from './live-clients.ts';
import { problem, startTestApi, type TestApi } from './setup.ts';

const open = (t: TestApi, taskId: string, headers: Record<string, string> = {}) =>
  openEvents(t, `/v1/tasks/${taskId}/events`, { headers });
const named = (name: string) => (one: Told) => one.event === name;

describe('events of a task', () => {
  let t: TestApi;
  beforeAll(async () => {
    t = await startTestApi();
  });
  afterAll(() => t[Symbol.asyncDispose]());

  const send = async (task: string, options: object = {}, payload: object = {}) =>
    (await t.call({ method: 'POST', url: '/v1/tasks', payload: { task, payload, options } })).body.task_id as string;

  it('should tell status, progress and the end, and then end', async () => {
    const id = await send('test_gate');
    using stream = await open(t, id);
    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String),
    });
    await stream.until(named('progress'));
    t.gate.release();
    await stream.ended;
    const seen = stream.told;
    expect(seen.map((event) => event.event).filter((name, place, all) => name !== all[place - 1])).toEqual([
      'status',
      'progress',
      'status',
      'end',
    ]);
    expect(seen.find((event) => event.event === 'progress')?.data).toEqual({
      task_id: id,
      progress: { step: 'waiting', fraction: 0.5 },
    });
    const last = seen.at(-1);
    expect(last).toMatchObject({ id: 'end', data: { task_id: id, status: 'COMPLETED', result: 'through' } });
    expect(new Set(seen.map((event) => event.id)).size).toBe(seen.length);
  });

  it('should tell a task that has ended at once, and nothing to who has heard its end', async () => {
    const id = await send('test_add', {}, { a: 2, b: 3 });
    await t.runtime.ended(id);
    using first = await open(t, id);
    await first.ended;
    expect(first.told.map(({ event }) => event)).toEqual(['status', 'end']);
    using again = await open(t, id, { 'last-event-id': 'end' });
    expect(again.status).toBe(204);
  });

  it('should tell a cancel', async () => {
    const id = await send('test_add', { countdown: 600 }, { a: 2, b: 3 });
    using stream = await open(t, id);
    await stream.until(named('status'));
    await t.call({ method: 'DELETE', url: `/v1/tasks/${id}` });
    await stream.ended;
    expect(stream.told.map(({ data }) => data.status)).toEqual(['PENDING', 'CANCELLED', 'CANCELLED']);
  });

  it('should answer 404 for a task of another tenant', async () => {
    const id = await send('test_add', { countdown: 600 }, { a: 2, b: 3 });
    const answer = await t.call({
      url: `/v1/tasks/${id}/events`,
      headers: { authorization: `Bearer ${t.otherKey}` },
    });
    expect(problem(answer)).toMatchObject({ code: 'task_not_found', status: 404 });
  });

  it('should watch no more when its readers have gone', async () => {
    const id = await send('test_add', { countdown: 600 }, { a: 2, b: 3 });
    const before = t.runtime.hub.size;
    const stream = await open(t, id);
    await stream.until(named('status'));
    expect(t.runtime.hub.size).toBe(before + 1);
    stream[Symbol.dispose]();
    await expect.poll(() => t.runtime.hub.size).toBe(before);
  });
});

it('should end its streams within a second when the API closes', async () => {
  await using t = await startTestApi();
  const { body } = await t.call({ method: 'POST', url: '/v1/tasks', payload: { task: 'test_gate', payload: {} } });
  const streams = await Promise.all(Array.from({ length: 5 }, () => open(t, body.task_id)));
  const began = Date.now();
  await t.api.close();
  expect(Date.now() - began).toBeLessThan(1000);
  for (const { ended, told } of streams) {
    await ended;
    expect(told.some(named('end'))).toBe(false);
  }
});
