import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, problem, startTestApi, type TestApi, uploadLimitBytes } from './setup.ts';

interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly type?: string;
  readonly content: string | Buffer;
}

const boundary = 'millrace-test-boundary';
const head = ({ name, filename, type }: Omit<Part, 'content'>) =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n` +
  `${filename === undefined && !type ? '' : `Content-Type: ${type ?? 'application/octet-stream'}\r\n`}\r\n`;
const form = (...parts: Part[]) =>
  Buffer.concat([
    ...parts.flatMap((part) => [Buffer.from(head(part)), Buffer.from(part.content), Buffer.from('\r\n')]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
const file = (content: string | Buffer, filename = 'report.txt'): Part => ({ name: 'file', filename, content });
const data = (value: object): Part => ({ name: 'data', content: JSON.stringify(value) });
const formType = `multipart/form-data; boundary=${boundary}`;

describe('files over HTTP', () => {
  let t: TestApi;
  let datasetId: string;
  beforeAll(async () => {
    t = await startTestApi();
    datasetId = (await t.call({ method: 'POST', url: '/v1/datasets', payload: { name: 'files' } })).body.id;
  });
  afterAll(() => t[Symbol.asyncDispose]());

  const pathOf = (id = datasetId) => `/v1/datasets/${id}/document/create-by-file`;
  const upload = (payload: Buffer, id = datasetId) =>
    t.call({ method: 'POST', url: pathOf(id), headers: { 'content-type': formType }, payload });

  /** A request on the listening socket whose body is written by hand. */
  function openUpload(headers: Record<string, string | number> = {}) {
    const request = httpRequest({
      host: '127.0.0.1',
      port: t.port,
      method: 'POST',
      path: pathOf(),
      headers: { authorization: `Bearer ${t.key}`, 'content-type': formType, ...headers },
    });
    // it may be cut off after it was answered
    request.on('error', () => undefined);
    const answer = once(request, 'response').then(async ([response]: IncomingMessage[]): Promise<Answer> => {
      if (!response) throw new Error('no response');
      return { status: response.statusCode ?? 0, headers: response.headers, body: await json(response) };
    });
    return { request, answer };
  }

  it('should take a file, whichever of data and file comes first', async () => {
    const rule = { process_rule: { mode: 'automatic' }, name: 'named.txt' };
    for (const parts of [
      [data(rule), file('The wheel turns.')],
      [file('The wheel turns.'), data(rule)],
    ]) {
      const { status, body } = await upload(form(...parts));
      expect(status).toBe(200);
      expect(body.document).toMatchObject({ name: 'named.txt', data_source_type: 'upload_file', size_bytes: 16 });
      expect(await t.files()).toContain(body.document.id);
      const task = await t.call({ url: `/v1/tasks/${body.task_id}?wait=30` });
      expect(task.body.status).toBe('COMPLETED');
    }
  });

  it("should take the file's own name without data, and data that says it is JSON", async () => {
    expect((await upload(form(file('x', 'Jahresbericht 2025 – Mühle.txt')))).body.document.name).toBe(
      'Jahresbericht 2025 – Mühle.txt',
    );
    const typed = await upload(form({ ...data({ name: 'typed' }), type: 'application/json' }, file('x')));
    expect(typed.body.document.name).toBe('typed');
    expect((await upload(form(file('x', '../../etc/passwd')))).body.document.name).toBe('passwd');
  });

  it('should take a file of just the limit and refuse one byte more, leaving nothing behind', async () => {
    expect((await upload(form(file(Buffer.alloc(uploadLimitBytes, 97))))).status).toBe(200);
    const before = (await t.files()).length;
    const refused = await upload(form(file(Buffer.alloc(uploadLimitBytes + 1, 97))));
    expect(problem(refused)).toMatchObject({ code: 'file_too_large', status: 413 });
    expect(refused.body.detail).toContain('Nothing was accepted');
    expect((await t.files()).length).toBe(before);
  });

  it('should refuse a file that is too large while it still comes, and cut off who goes on sending', async () => {
    const before = (await t.files()).length;
    const { request, answer } = openUpload({ 'transfer-encoding': 'chunked' });
    request.write(head(file('')));
    const closed = once(request, 'close');
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024, 97);
    let answered = false;
    const refused = answer.then((got) => {
      answered = true;
      return got;
    });
    // an upload without end
    while (!answered && sent < 100 * uploadLimitBytes) {
      sent += chunk.length;
      if (!request.write(chunk)) await Promise.race([once(request, 'drain'), refused]);
    }
    expect(problem(await refused)).toMatchObject({ code: 'file_too_large', status: 413 });
    expect((await t.files()).length).toBe(before);
    // the connection is not kept for a body that never ends
    await closed;
  });

  it('should refuse by Content-Length before a byte of the file is read', async () => {
    const { request, answer } = openUpload({ 'content-length': 10 * uploadLimitBytes });
    request.write(head(file('')));
    expect(problem(await answer)).toMatchObject({ code: 'file_too_large', status: 413 });
    request.destroy();
  });

  it('should keep nothing of an upload that breaks off', async () => {
    const before = (await t.files()).length;
    const { request, answer } = openUpload({ 'transfer-encoding': 'chunked' });
    answer.catch(() => undefined);
    request.write(head(file('')));
    await new Promise<void>((resolve) => request.write(Buffer.alloc(100_000, 97), () => resolve()));
    request.destroy();
    await expect.poll(async () => t.logged.some((line) => line.includes('form_malformed'))).toBe(true);
    expect((await t.files()).length).toBe(before);
    expect((await t.call({ url: `/v1/datasets/${datasetId}/documents` })).status).toBe(200);
  });

  it('should refuse forms that lack or have too much, each with its reason', async () => {
    const before = (await t.files()).length;
    expect(problem(await upload(form(data({}))))).toMatchObject({
      code: 'form_malformed',
      errors: [{ field: 'file' }],
    });
    expect(problem(await upload(form(file(''))))).toMatchObject({
      code: 'request_invalid',
      errors: [{ field: 'file' }],
    });
    expect(problem(await upload(form(file('x', ''))))).toMatchObject({ status: 400, errors: [{ field: 'file' }] });
    expect(problem(await upload(form(file('x'), { name: 'data', content: '{' })))).toMatchObject({
      code: 'form_malformed',
      errors: [{ field: 'data' }],
    });
    expect(problem(await upload(form(file('x'), data({ nam: 1, doc_form: 'qa' })))).errors).toMatchObject([
      { field: 'data.doc_form' },
      { field: 'data.nam' },
    ]);
    expect(problem(await upload(form(file('x'), file('y'))))).toMatchObject({ code: 'form_too_large', status: 413 });
    expect(problem(await upload(form(file('x'), { name: 'else', content: 'y' }))).code).toBe('form_malformed');
    expect(problem(await upload(form(file('x'), data({ indexing_technique: 'economy' })))).status).toBe(422);
    expect(problem(await upload(form(file('x')), randomUUID())).code).toBe('dataset_not_found');
    const asJson = await t.call({ method: 'POST', url: pathOf(), payload: { name: 'x' } });
    expect(problem(asJson)).toMatchObject({ code: 'media_type_unsupported', status: 415 });
    expect((await t.files()).length).toBe(before);
  });

  it('should delete the file again when its document is not accepted', async () => {
    const before = (await t.files()).length;
    await t.db.query(`alter table documents add constraint refuse_it check (name <> 'refused.txt')`);
    const refused = await upload(form(file('x', 'refused.txt')));
    expect(problem(refused)).toMatchObject({ code: 'internal_error', status: 500 });
    expect((await t.files()).length).toBe(before);
    const tasks = await t.db.query(`select 1 from tasks where payload::text like '%refused%'`);
    expect(tasks).toEqual([]);
  });
});
