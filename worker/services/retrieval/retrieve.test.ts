import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate, openPglite } from '../../db/index.ts';
import { EmbeddedEmbedder } from '../embedding/embedded.ts';
import { PgVectorStore } from '../vector/pgvector.ts';
import { addDataset, addDocument, type Library, type Place } from './library.ts';
import type { RetrievalRecord } from './records.ts';
import { type RetrievalModelInput, retrievalModelSchema } from './retrieval-model.ts';
import { retrieve } from './retrieve.ts';

const sentences = [
  'Customers get their money back within thirty days of purchase.',
  'The server room is cooled to nineteen degrees around the clock.',
  'Employees may work from home on two days of each week.',
  'Our headquarters stand in the old harbour of Hamburg.',
  'The annual report is published every year in the spring.',
  'Passwords are changed on the account settings page.',
  'A dentist recommends brushing teeth twice a day.',
  'The train to Munich leaves from platform seven.',
  'Bread is baked from flour, water, salt and yeast.',
  'Photosynthesis turns sunlight into chemical energy in plants.',
  'The referee showed the striker a red card in the final minute.',
  'Interest rates were raised by the central bank on Thursday.',
  'The cat slept on the warm window sill all afternoon.',
  'Solar panels on the roof produce most of our electricity.',
  'The museum is closed on Mondays and on public holidays.',
  'Backups of the database are made every night at two.',
  'The orchestra rehearses in the great hall on Fridays.',
  'Wash the wool sweater by hand in cold water.',
  'The bridge was damaged by the flood and is being repaired.',
  'New colleagues receive a laptop on their first day.',
  'Volcanoes form where the plates of the earth meet.',
  'The recipe asks for two ripe tomatoes and fresh basil.',
  'Parking spaces are reserved for visitors at the main entrance.',
  'The contract ends automatically after twenty four months.',
  'Penguins live in the southern hemisphere.',
  'The software is updated without interrupting the service.',
  'A doctor must be seen when the fever lasts three days.',
  'The library lends out books for four weeks.',
  'Whales are mammals that breathe air.',
  'Invoices are paid by bank transfer within two weeks.',
];
const chinese = [
  '我们的退款政策允许客户在三十天内退货。',
  '北京图书馆每周一闭馆，周末照常开放。',
  '服务器机房全天保持十九度。',
];

describe('retrieval', () => {
  let library: Library;
  let place: Place;
  beforeAll(async () => {
    const db = await openPglite(undefined);
    await migrate(db);
    library = { db, vectors: new PgVectorStore(db), embedder: new EmbeddedEmbedder() };
    place = await addDataset(library, 'high_quality');
    await addDocument(library, place, 'handbook.txt', sentences);
    await addDocument(library, place, '手册.txt', chinese);
  });
  afterAll(async () => {
    await library.embedder.close();
    await library.db.close();
  });

  const ask = (query: string, model: RetrievalModelInput = {}, where = place) =>
    retrieve(library, { ...where, query, retrievalModel: retrievalModelSchema.parse(model) });
  const contents = (records: RetrievalRecord[]) => records.map((record) => record.segment.content);

  it.each([
    ['How long do I have to return a product for a refund?', 0],
    ['Can I do my job remotely?', 2],
    ['I forgot my login credentials, where can I reset them?', 5],
    ['How hot is it where the computers stand?', 1],
    ['When is the copy of the data taken?', 15],
    ['A football player was sent off', 10],
  ])('should find by meaning what answers "%s"', async (query, n) => {
    const records = await ask(query, { search_method: 'semantic_search', top_k: 3 });
    expect(contents(records)).toContain(sentences[n]);
  });

  it('should answer records in the shape of the contract, best first', async () => {
    const records = await ask('The museum is closed on Mondays', { top_k: 5 });
    expect(records).toHaveLength(5);
    expect(records[0]).toEqual({
      segment: {
        id: expect.any(String),
        position: 15,
        document_id: expect.any(String),
        document: { id: records[0]?.segment.document_id, name: 'handbook.txt', data_source_type: 'upload_file' },
        content: sentences[14],
        word_count: 10,
        tokens: 0,
        keywords: expect.arrayContaining(['museum']),
        page: null,
        section: null,
      },
      score: expect.any(Number),
    });
    const scores = records.map((record) => record.score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
  });

  it.each([
    ['updates of softwares', sentences[25]],
    ['damaging floods', sentences[18]],
    ['退款', chinese[0]],
    ['图书馆什么时候闭馆？', chinese[1]],
    ['机房', chinese[2]],
  ])('should find by words, in any form and language: %s', async (query, content) => {
    const [record] = await ask(query, { search_method: 'full_text_search' });
    expect(record?.segment.content).toBe(content);
    expect(record?.score).toBeGreaterThan(0.3);
  });

  it('should rank by how many of the words, and the rare ones first', async () => {
    const records = await ask('bank transfer days', { search_method: 'full_text_search', top_k: 10 });
    expect(records[0]?.segment.content).toBe(sentences[29]);
    expect(records[1]?.segment.content).toBe(sentences[11]);
    expect(records.length).toBeGreaterThan(3);
  });

  it('should take any text as a query of words', async () => {
    for (const query of [
      `'; drop table segments; --`,
      `a & b | !c <-> (d:*`,
      '\\',
      'the of and',
      '"',
      '😀',
      "o'neil\\'s",
    ]) {
      const records = await ask(query, { search_method: 'full_text_search' });
      expect(Array.isArray(records)).toBe(true);
    }
  });

  it('should fuse meaning and words by rank, and by weights', async () => {
    const byRank = await ask('museum on public holidays', { search_method: 'hybrid_search', top_k: 3 });
    expect(byRank[0]).toMatchObject({ segment: { content: sentences[14] }, score: 1 });
    const weights = (vector_weight: number) => ({
      search_method: 'hybrid_search' as const,
      weights: { vector_setting: { vector_weight }, keyword_setting: { keyword_weight: 1 - vector_weight } },
    });
    const [words] = await ask('closed museum', { search_method: 'full_text_search' });
    const [meaning] = await ask('closed museum', { search_method: 'semantic_search' });
    const [onlyWords] = await ask('closed museum', weights(0));
    const [half] = await ask('closed museum', weights(0.5));
    expect(onlyWords?.score).toBeCloseTo(words?.score ?? -1, 6);
    expect(half?.score).toBeCloseTo(((words?.score ?? -1) + (meaning?.score ?? -1)) / 2, 6);
  });

  it('should keep to the threshold when it is enabled', async () => {
    const all = await ask('penguins', { top_k: 30, score_threshold: 0.99 });
    expect(all).toHaveLength(30);
    for (const search_method of ['semantic_search', 'full_text_search', 'hybrid_search'] as const) {
      const some = await ask('penguins', {
        search_method,
        top_k: 30,
        score_threshold_enabled: true,
        score_threshold: 0.4,
      });
      expect(some.length).toBeGreaterThan(0);
      expect(some.length).toBeLessThan(30);
      expect(some.every((record) => record.score >= 0.4)).toBe(true);
    }
  });

  it('should search keywords in an economy dataset, whatever the method', async () => {
    const cheap = await addDataset(library, 'economy');
    await addDocument(library, cheap, 'cheap.txt', sentences);
    const [record] = await ask('Which penguin lives in the hemisphere?', { search_method: 'semantic_search' }, cheap);
    expect(record?.segment.content).toBe(sentences[24]);
    expect(record?.score).toBeGreaterThan(0.5);
    expect(await ask('Zeppelin', {}, cheap)).toEqual([]);
    expect(await ask('the', {}, cheap)).toEqual([]);
  });

  it('should bring child chunks back to their segment, with those that matched', async () => {
    const nested = await addDataset(library, 'high_quality');
    const children = [sentences[0], sentences[20], sentences[28]].map(String);
    await addDocument(library, nested, 'nested.md', [
      { content: children.join(' '), children },
      { content: String(sentences[8]), children: [String(sentences[8])] },
    ]);
    const records = await ask('Marine animals need air', { top_k: 2 }, nested);
    expect(records).toHaveLength(2);
    expect(records[0]?.segment.child_chunks?.[0]).toMatchObject({ position: 3, content: sentences[28] });
    expect(records[0]?.segment.child_chunks).toHaveLength(3);
    expect(records[0]?.score).toBe(records[0]?.segment.child_chunks?.[0]?.score);
  });

  it.each([
    `update documents set enabled = false where id = $1`,
    `update documents set archived = true where id = $1`,
    `update documents set deleted_at = now() where id = $1`,
    `update documents set indexing_status = 'indexing' where id = $1`,
    `update documents set generation = 2 where id = $1`,
    `update segments set enabled = false where document_id = $1`,
    `update segments set status = 'waiting' where document_id = $1`,
    `update datasets set deleted_at = now() where id = (select dataset_id from documents where id = $1)`,
  ])('should leave out what is not to be searched: %s', async (change) => {
    const other = await addDataset(library, 'high_quality');
    const documentId = await addDocument(library, other, 'gone.txt', ['Whales are mammals that breathe air.']);
    const methods = ['semantic_search', 'full_text_search', 'hybrid_search', 'keyword_search'] as const;
    for (const search_method of methods) expect(await ask('whales', { search_method }, other)).toHaveLength(1);
    await library.db.query(change, [documentId]);
    for (const search_method of methods) {
      const found = ask('whales', { search_method }, other);
      if (change.includes('datasets')) await expect(found).rejects.toMatchObject({ code: 'dataset_not_found' });
      else expect(await found).toEqual([]);
    }
  });

  it('should look beyond hidden documents for as many records as were asked for', async () => {
    const other = await addDataset(library, 'high_quality');
    const hidden = await addDocument(library, other, 'hidden.txt', Array<string>(60).fill('Whales breathe air.'));
    await addDocument(library, other, 'shown.txt', sentences.slice(0, 4));
    await library.db.query('update documents set enabled = false where id = $1', [hidden]);
    expect(await ask('Whales breathe air.', { top_k: 4 }, other)).toHaveLength(4);
  });

  it("should not find another tenant's dataset", async () => {
    const stranger = { ...place, tenantId: randomUUID() };
    await expect(ask('museum', {}, stranger)).rejects.toMatchObject({ code: 'dataset_not_found' });
  });

  it('should refuse queries it cannot search for', async () => {
    await expect(ask(' \n\0 ')).rejects.toMatchObject({ code: 'query_empty' });
    await expect(ask('x'.repeat(2_001))).rejects.toMatchObject({ code: 'query_too_long' });
    await library.db.query(`update datasets set embedding_model = 'other/model' where id = $1`, [place.datasetId]);
    await expect(ask('museum')).rejects.toMatchObject({ code: 'embedding_model_mismatch' });
    expect(await ask('museum', { search_method: 'full_text_search' })).toHaveLength(1);
  });
});

describe('the retrieval model', () => {
  it("should fill in Dify's defaults", () => {
    expect(retrievalModelSchema.parse({})).toEqual({
      search_method: 'semantic_search',
      top_k: 4,
      score_threshold_enabled: false,
      score_threshold: null,
      reranking_enable: false,
    });
  });

  it("should take what Dify's clients send", () => {
    const sent = {
      search_method: 'hybrid_search',
      reranking_enable: false,
      reranking_mode: null,
      reranking_model: { reranking_provider_name: '', reranking_model_name: '' },
      weights: {
        weight_type: 'customized',
        vector_setting: { vector_weight: 0.7, embedding_provider_name: '', embedding_model_name: '' },
        keyword_setting: { keyword_weight: 0.3 },
      },
      top_k: 3,
      score_threshold_enabled: false,
      score_threshold: 0.5,
    };
    expect(retrievalModelSchema.safeParse(sent).success).toBe(true);
  });

  it.each([
    { top_k: 0 },
    { top_k: 101 },
    { top_k: 1.5 },
    { score_threshold: 1.1 },
    { search_method: 'magic' },
    { reranking_enable: true },
    { surprise: 1 },
    { weights: { vector_setting: { vector_weight: 0 }, keyword_setting: { keyword_weight: 0 } } },
  ])('should refuse %j', (model) => {
    expect(retrievalModelSchema.safeParse(model).success).toBe(false);
  });
});
