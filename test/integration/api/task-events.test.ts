import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problem, startTestApi, type TestApi } from './setup.ts';

interface Event {
  readonly event: string;
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: events are looked at field by field
  readonly data: any;
}

/** Opens a stream on the listening socket. */
function open(t: TestApi, taskId: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(
      {
        host: '127.0.0.1',
        port: t.port,
        path: `/v1/tasks/${taskId}/events`,
        headers: { authorization: `Bearer ${t.key}`, ...headers },
      },
      resolve,
    )
      .on('error', reject)
      .end();
  });
}

async function* eventsOf(stream: IncomingMessage): AsyncGenerator<Event> {
  let fields: Record<string, string> = {};
  for await (const line of createInterface({ input: stream })) {
    if (line === '' && fields.event) {
      yield { event: fields.event, id: fields.id ?? '', data: JSON.parse(fields.data ?? 'null') };
      fields = {};
    }
    const match = /^(\w+): (.*)$/.exec(line);
    if (match?.[1] && match[2] !== undefined) fields[match[1]] = match[2];
  }
}

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
    const stream = await open(t, id);
    expect(stream.statusCode).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': expect.any(String),
    });
    const seen: Event[] = [];
    for await (const event of eventsOf(stream)) {
      seen.push(event);
      if (event.event === 'progress') t.gate.release();
    }
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
    const events = await Array.fromAsync(eventsOf(await open(t, id)));
    expect(events.map((event) => event.event)).toEqual(['status', 'end']);
    const again = await open(t, id, { 'last-event-id': 'end' });
    again.resume();
    expect(again.statusCode).toBe(204);
  });

  it('should tell a cancel', async () => {
    const id = await send('test_add', { countdown: 600 }, { a: 2, b: 3 });
    const stream = await open(t, id);
    const seen: string[] = [];
    for await (const event of eventsOf(stream)) {
      seen.push(event.data.status);
      if (seen.length === 1) await t.call({ method: 'DELETE', url: `/v1/tasks/${id}` });
    }
    expect(seen).toEqual(['PENDING', 'CANCELLED', 'CANCELLED']);
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
    await eventsOf(stream).next();
    expect(t.runtime.hub.size).toBe(before + 1);
    stream.destroy();
    await expect.poll(() => t.runtime.hub.size).toBe(before);
  });
});

it('should end its streams within a second when the API closes', async () => {
  await using t = await startTestApi();
  const { body } = await t.call({ method: 'POST', url: '/v1/tasks', payload: { task: 'test_gate', payload: {} } });
  const streams = await Promise.all(Array.from({ length: 5 }, () => open(t, body.task_id)));
  const ended = Promise.all(streams.map((stream) => Array.fromAsync(eventsOf(stream))));
  const began = Date.now();
  await t.api.close();
  expect(Date.now() - began).toBeLessThan(1000);
  for (const events of await ended) expect(events.some((event) => event.event === 'end')).toBe(false);
});
