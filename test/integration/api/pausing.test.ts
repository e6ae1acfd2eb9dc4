import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { queueNames } from '../../../worker/queues.ts';
import { problem, startTestApi, type TestApi } from './setup.ts';

let t: TestApi;
beforeAll(async () => {
  t = await startTestApi();
});
afterAll(() => t[Symbol.asyncDispose]());
const asOther = () => ({ authorization: `Bearer ${t.otherKey}` });

describe('pausing and resuming queues over HTTP', () => {
  const ask = (name: string, action: string, headers = {}) =>
    t.call({ method: 'POST', url: `/v1/queues/${encodeURIComponent(name)}/${action}`, headers });
  const pausedOnes = async () =>
    (await t.call({ url: '/v1/queues' })).body.queues
      .filter(({ paused }: { paused: boolean }) => paused)
      .map(({ name }: { name: string }) => name);
  afterEach(async () => {
    await ask('mail', 'resume');
  });

  it('should pause that queue only, and be as paused when asked twice', async () => {
    for (let n = 0; n < 2; n += 1) {
      expect(await ask('mail', 'pause')).toMatchObject({ status: 200, body: { name: 'mail', paused: true } });
      expect(await pausedOnes()).toEqual(['mail']);
    }
    for (let n = 0; n < 2; n += 1) {
      expect(await ask('mail', 'resume')).toMatchObject({ status: 200, body: { name: 'mail', paused: false } });
      expect(await pausedOnes()).toEqual([]);
    }
  });

  it.each(['pause', 'resume', 'purge'])('should name the queues there are when asked to %s another', async (action) => {
    for (const name of ['none', 'MAIL', '__proto__', 'mail/../dataset', 'a'.repeat(90)]) {
      const answer = problem(await ask(name, action));
      expect(answer, name).toMatchObject({
        status: 404,
        code: 'queue_not_found',
        detail: expect.stringContaining(name),
      });
      for (const there of queueNames) expect(answer.hint).toContain(there);
    }
    expect(await pausedOnes()).toEqual([]);
  });

  it('should refuse those without a key, and other actions and methods', async () => {
    expect(problem(await ask('mail', 'pause', { authorization: '' })).code).toBe('key_missing');
    expect(problem(await ask('mail', 'pause', { authorization: 'Bearer mr-none' })).code).toBe('key_unknown');
    expect(problem(await ask('mail', 'stop')).code).toBe('not_found');
    expect(problem(await t.call({ url: '/v1/queues/mail/pause' })).status).toBe(404);
    expect(await pausedOnes()).toEqual([]);
  });
});

describe('pausing and resuming a document over HTTP', () => {
  let made = 0;
  const makeDataset = async (): Promise<string> => {
    made += 1;
    return (await t.call({ method: 'POST', url: '/v1/datasets', payload: { name: `paused ${made}` } })).body.id;
  };
  /** A document that waits: the task that stands in for indexing leaves it alone. */
  const make = async () => {
    const dataset = await makeDataset();
    const url = `/v1/datasets/${dataset}/document/create-by-text`;
    const { body } = await t.call({ method: 'POST', url, payload: { name: 'a.txt', text: 'The mill stands still.' } });
    await t.runtime.ended(body.task_id);
    return { dataset, id: body.document.id as string, task: body.task_id as string };
  };
  const ask = (dataset: string, id: string, action: string, headers = {}) =>
    t.call({ method: 'PATCH', url: `/v1/datasets/${dataset}/documents/${id}/processing/${action}`, headers });
  const read = async (dataset: string, id: string) =>
    (await t.call({ url: `/v1/datasets/${dataset}/documents/${id}` })).body;
  const setStatus = (id: string, status: string) =>
    t.db.query('update documents set indexing_status = $2 where id = $1', [id, status]);

  it('should pause it, also when asked twice, and go on with it by a task', async () => {
    const { dataset, id, task } = await make();
    const paused = await ask(dataset, id, 'pause');
    expect(paused).toMatchObject({
      status: 200,
      body: { id, indexing_status: 'paused', display_status: 'paused', task_id: task },
    });
    expect((await ask(dataset, id, 'pause')).body).toEqual(paused.body);

    const resumed = await ask(dataset, id, 'resume');
    expect(resumed).toMatchObject({ status: 200, body: { id, indexing_status: 'waiting' } });
    expect(resumed.body.task_id).not.toBe(task);
    expect(await t.runtime.ended(resumed.body.task_id)).toMatchObject({ status: 'COMPLETED' });
    const [row] = await t.db.query<{ name: string; payload: unknown }>(
      'select name, payload from tasks where id = $1',
      [resumed.body.task_id],
    );
    expect(row).toEqual({
      name: 'recover_document_indexing_task',
      payload: { tenant_id: expect.any(String), dataset_id: dataset, document_id: id },
    });
  });

  it('should go on at indexing with what was split already', async () => {
    const { dataset, id } = await make();
    await t.db.query('update documents set total_segments = 4, completed_segments = 2 where id = $1', [id]);
    await setStatus(id, 'indexing');
    await ask(dataset, id, 'pause');
    expect((await ask(dataset, id, 'resume')).body).toMatchObject({
      indexing_status: 'indexing',
      completed_segments: 2,
    });
  });

  it('should resume once when asked twice at once', async () => {
    const { dataset, id } = await make();
    await ask(dataset, id, 'pause');
    const answers = await Promise.all([ask(dataset, id, 'resume'), ask(dataset, id, 'resume')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const [row] = await t.db.query<{ n: number }>(
      `select count(*) as n from tasks where name = 'recover_document_indexing_task' and payload ->> 'document_id' = $1`,
      [id],
    );
    expect(row?.n).toBe(1);
  });

  it.each(['completed', 'error'])('should refuse to pause or resume what is %s', async (status) => {
    const { dataset, id } = await make();
    await setStatus(id, status);
    expect(problem(await ask(dataset, id, 'pause'))).toMatchObject({
      status: 409,
      code: 'document_not_indexing',
      detail: expect.stringContaining(status),
    });
    expect(problem(await ask(dataset, id, 'resume'))).toMatchObject({
      status: 409,
      code: 'document_not_paused',
      detail: expect.stringContaining(status),
    });
    expect((await read(dataset, id)).indexing_status).toBe(status);
  });

  it('should know no document of another tenant, of another dataset, or one that is deleted', async () => {
    const { dataset, id } = await make();
    const elsewhere = await makeDataset();
    for (const action of ['pause', 'resume']) {
      const missing = { status: 404, code: 'document_not_found' };
      expect(problem(await ask(dataset, id, action, asOther()))).toMatchObject(missing);
      expect(problem(await ask(elsewhere, id, action))).toMatchObject(missing);
      expect(problem(await ask(dataset, randomUUID(), action))).toMatchObject(missing);
    }
    expect((await read(dataset, id)).indexing_status).toBe('waiting');
    await t.call({ method: 'DELETE', url: `/v1/datasets/${dataset}/documents/${id}` });
    expect(problem(await ask(dataset, id, 'pause')).code).toBe('document_not_found');
  });

  it('should list every part of the address that does not fit', async () => {
    const { dataset, id } = await make();
    const fields = async (...address: [string, string, string]) => {
      const answer = problem(await ask(...address));
      expect(answer).toMatchObject({ status: 400, code: 'request_invalid' });
      return answer.errors?.map(({ field }) => field).sort();
    };
    expect(await fields(dataset, id, 'stop')).toEqual(['action']);
    expect(await fields(dataset, 'none', 'pause')).toEqual(['document_id']);
    expect(await fields('none', 'none', 'Pause')).toEqual(['action', 'dataset_id', 'document_id']);
    expect(problem(await ask(dataset, id, 'stop')).errors).toEqual([
      { field: 'action', message: expect.stringMatching(/pause.*resume/) },
    ]);
    expect(problem(await ask(dataset, id, 'pause', { authorization: '' })).code).toBe('key_missing');
    expect((await read(dataset, id)).indexing_status).toBe('waiting');
  });
});
