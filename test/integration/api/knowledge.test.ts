import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problem, startTestApi, type TestApi } from './setup.ts';

describe('datasets and documents over HTTP', () => {
  let t: TestApi;
  beforeAll(async () => {
    t = await startTestApi();
  });
  afterAll(() => t[Symbol.asyncDispose]());

  const asOther = () => ({ authorization: `Bearer ${t.otherKey}` });
  const post = (url: string, payload: object) => t.call({ method: 'POST', url, payload });
  let made = 0;
  const dataset = async (more: object = {}) => {
    made += 1;
    return (await post('/v1/datasets', { name: `dataset ${made}`, ...more })).body;
  };
  const textInto = (id: string, more: object = {}) =>
    post(`/v1/datasets/${id}/document/create-by-text`, { name: 'a.txt', text: 'The mill stands still.', ...more });

  it('should make a dataset, refuse its name a second time, and list it as Dify does', async () => {
    const first = await post('/v1/datasets', { name: 'Mill', description: 'All of it.' });
    expect(first).toMatchObject({
      status: 200,
      body: {
        name: 'Mill',
        description: 'All of it.',
        provider: 'vendor',
        indexing_technique: 'high_quality',
        embedding_model: 'length',
        embedding_model_provider: 'test',
        embedding_available: true,
        document_count: 0,
        created_at: expect.any(Number),
      },
    });
    expect(problem(await post('/v1/datasets', { name: 'Mill' }))).toMatchObject({
      code: 'dataset_name_taken',
      status: 409,
    });
    expect((await dataset({ indexing_technique: 'economy' })).embedding_model).toBe(null);
    const page = await t.call({ url: '/v1/datasets?limit=1&page=1' });
    expect(page.body).toMatchObject({ page: 1, limit: 1, total: 2, has_more: true, data: [{ name: 'dataset 1' }] });
    expect((await t.call({ url: '/v1/datasets', headers: asOther() })).body).toMatchObject({ data: [], total: 0 });
  });

  it("should refuse another system's datasets and models that nobody serves", async () => {
    const wrong = await post('/v1/datasets', { name: ' ', provider: 'external', retrieval_model: {} });
    expect(
      problem(wrong)
        .errors?.map((error) => error.field)
        .sort(),
    ).toEqual(['name', 'provider', 'retrieval_model']);
    expect(problem(await post('/v1/datasets', { name: 'x', embedding_model: 'other' }))).toMatchObject({
      code: 'embedding_model_unavailable',
      status: 422,
    });
  });

  it('should take a text as document, and its indexing with it', async () => {
    const { id } = await dataset();
    const { status, body } = await textInto(id, { doc_language: 'English' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      batch: expect.stringMatching(/^\d{26}$/),
      document: {
        dataset_id: id,
        name: 'a.txt',
        position: 1,
        data_source_type: 'text_input',
        indexing_status: 'waiting',
        display_status: 'queuing',
        doc_form: 'text_model',
        doc_language: 'English',
        size_bytes: 22,
        task_id: body.task_id,
      },
    });
    const task = await t.call({ url: `/v1/tasks/${body.task_id}?wait=30` });
    expect(task.body).toMatchObject({ task: 'document_indexing_task', status: 'COMPLETED' });
    expect(await t.files()).toContain(body.document.id);
    const status2 = await t.call({ url: `/v1/datasets/${id}/documents/${body.batch}/indexing-status` });
    expect(status2.body).toEqual({
      data: [
        {
          id: body.document.id,
          indexing_status: 'waiting',
          processing_started_at: null,
          parsing_completed_at: null,
          cleaning_completed_at: null,
          splitting_completed_at: null,
          completed_at: null,
          paused_at: null,
          error: null,
          error_code: null,
          stopped_at: null,
          completed_segments: 0,
          total_segments: 0,
        },
      ],
    });
  });

  it("should know Dify's names with underscores too", async () => {
    const { id } = await dataset();
    const answer = await post(`/v1/datasets/${id}/document/create_by_text`, { name: 'b.txt', text: 'Water.' });
    expect(answer).toMatchObject({ status: 200, body: { document: { name: 'b.txt' } } });
  });

  it('should refuse texts and rules that do not fit, each with its field', async () => {
    const { id } = await dataset();
    const fields = async (more: object) => problem(await textInto(id, more)).errors?.map((error) => error.field);
    expect(await fields({ text: '  \n ', name: '' })).toEqual(['name', 'text']);
    expect(await fields({ text: 'a\u0000b' })).toEqual(['text']);
    expect(await fields({ doc_form: 'qa_model', original_document_id: 'x' })).toEqual([
      'doc_form',
      'original_document_id',
    ]);
    expect(await fields({ doc_form: 'hierarchical_model' })).toEqual(['doc_form']);
    expect(
      await fields({ process_rule: { mode: 'custom', rules: { segmentation: { separator: '\n', max_tokens: 1 } } } }),
    ).toEqual(['process_rule.rules.segmentation.max_tokens']);
    expect(problem(await textInto(id, { indexing_technique: 'economy' }))).toMatchObject({
      code: 'indexing_technique_mismatch',
      status: 422,
    });
    expect(problem(await textInto(randomUUID()))).toMatchObject({ code: 'dataset_not_found', status: 404 });
    expect(problem(await textInto(id, { text: 'x'.repeat(3_300_000) })).status).toBe(413);
    expect(problem(await textInto(id, { text: 'x'.repeat(3_000_001) }))).toMatchObject({ code: 'file_too_large' });
  });

  it('should list, read, segment and delete documents', async () => {
    const { id } = await dataset();
    const first = (await textInto(id, { name: 'first.txt' })).body.document;
    const second = (await textInto(id, { name: 'second_%.txt' })).body.document;
    const url = `/v1/datasets/${id}/documents`;
    expect((await t.call({ url })).body).toMatchObject({
      data: [{ id: second.id }, { id: first.id }],
      total: 2,
      has_more: false,
    });
    expect((await t.call({ url: `${url}?keyword=D_%25` })).body).toMatchObject({ data: [{ id: second.id }], total: 1 });
    expect((await t.call({ url: `${url}/${first.id}` })).body).toMatchObject({ id: first.id, name: 'first.txt' });
    await t.db.query(
      `insert into segments (id, tenant_id, dataset_id, document_id, generation, position, content, word_count, tokens, search)
       select gen_random_uuid(), tenant_id, dataset_id, id, 1, 1, 'The mill.', 2, 3, '' from documents where id = $1`,
      [first.id],
    );
    expect((await t.call({ url: `${url}/${first.id}/segments` })).body).toMatchObject({
      doc_form: 'text_model',
      total: 1,
      data: [{ position: 1, content: 'The mill.', word_count: 2, tokens: 3, child_chunks: [] }],
    });
    expect((await t.call({ url, headers: asOther() })).status).toBe(404);
    expect((await t.call({ url: `${url}/${first.id}`, headers: asOther() })).status).toBe(404);
    expect((await t.call({ url: `${url}/${first.id}/segments`, headers: asOther() })).status).toBe(404);
    const gone = { method: 'DELETE', url: `${url}/${first.id}` } as const;
    expect((await t.call({ ...gone, headers: asOther() })).status).toBe(404);
    expect((await t.call(gone)).status).toBe(204);
    expect(problem(await t.call(gone))).toMatchObject({ code: 'document_not_found', status: 404 });
    const tasks = await t.call({ url: '/v1/tasks?task=clean_document_task' });
    expect(tasks.body.tasks).toHaveLength(1);
    expect(problem(await t.call({ url: `${url}/20260101000000/indexing-status` })).code).toBe('batch_not_found');
  });

  it('should index a document again, but not while it is being indexed', async () => {
    const { id } = await dataset();
    const { document } = (await textInto(id)).body;
    const url = `/v1/datasets/${id}/documents/${document.id}`;
    const retry = () => t.call({ method: 'POST', url: `${url}/retry` });
    expect(problem(await retry())).toMatchObject({ code: 'document_busy', status: 409 });
    await t.db.query(`update documents set indexing_status = 'error', error = 'broken' where id = $1`, [document.id]);
    const again = await retry();
    expect(again).toMatchObject({ status: 202, body: { status: 'PENDING' } });
    expect((await t.call({ url })).body).toMatchObject({
      indexing_status: 'waiting',
      error: null,
      task_id: again.body.task_id,
    });
    const task = await t.call({ url: `/v1/tasks/${again.body.task_id}?wait=30` });
    expect(task.body).toMatchObject({ task: 'retry_document_indexing_task', status: 'COMPLETED' });
  });

  it('should delete a dataset with its documents, at once and by a task', async () => {
    const { id } = await dataset();
    await textInto(id);
    const url = `/v1/datasets/${id}`;
    expect((await t.call({ method: 'DELETE', url, headers: asOther() })).status).toBe(404);
    expect((await t.call({ method: 'DELETE', url })).status).toBe(204);
    expect(problem(await t.call({ url })).status).toBe(404);
    expect(problem(await t.call({ method: 'DELETE', url })).status).toBe(404);
    expect(problem(await textInto(id)).status).toBe(404);
    expect(problem(await t.call({ url: `${url}/documents` })).status).toBe(404);
    expect((await t.call({ url: '/v1/tasks?task=clean_dataset_task' })).body.tasks).toHaveLength(1);
  });

  it('should search a dataset and refuse questions that do not fit', async () => {
    const { id } = await dataset({ indexing_technique: 'economy' });
    const search = (payload: object) => post(`/v1/datasets/${id}/retrieve`, payload);
    expect(await search({ query: 'When does it stand still?' })).toMatchObject({
      status: 200,
      body: { query: { content: 'When does it stand still?' }, records: [] },
    });
    const wrong = await search({ query: '', retrieval_model: { search_method: 'magic', top_k: 0 } });
    expect(problem(wrong).errors?.map((error) => error.field)).toEqual([
      'query',
      'retrieval_model.search_method',
      'retrieval_model.top_k',
    ]);
    expect(problem(await post(`/v1/datasets/${randomUUID()}/retrieve`, { query: 'x' })).status).toBe(404);
    const { id: foreign } = await dataset();
    await t.db.query(`update datasets set embedding_model = 'else/where' where id = $1`, [foreign]);
    expect(problem(await post(`/v1/datasets/${foreign}/retrieve`, { query: 'x' }))).toMatchObject({
      code: 'retrieval_invalid',
      status: 422,
    });
  });
});
