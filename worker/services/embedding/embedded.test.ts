import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedEmbedder } from './embedded.ts';

const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
/** Resolves on the thread's side effects in a bounded number of event loop turns. */
const until = async (condition: () => boolean) => {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('The condition did not come true within 10 s.');
    await new Promise((resolve) => setImmediate(resolve));
  }
};

describe('the embedded model', () => {
  const embedder = new EmbeddedEmbedder({ threads: 1, idleMs: 60_000 });
  afterAll(() => embedder.close());

  it('should start no thread before its first text', () => {
    expect(embedder.runningThreads).toBe(0);
  });

  it('should answer one unit vector a text, in order, whatever the batch', async () => {
    const texts = Array.from(
      { length: 21 },
      (_, i) => `Sentence number ${i} is about ${i % 2 ? 'boats' : 'mountains'}.`,
    );
    const vectors = await embedder.embed(texts, { kind: 'document' });
    const [alone] = await embedder.embed([texts[13] ?? ''], { kind: 'query' });
    expect(vectors).toHaveLength(21);
    for (const vector of vectors) {
      expect(vector).toHaveLength(512);
      expect(cosine(vector, vector)).toBeCloseTo(1, 5);
    }
    expect(cosine(vectors[13] ?? new Float32Array(), alone ?? new Float32Array())).toBeCloseTo(1, 4);
  });

  it('should hear what stands beyond the 128 tokens that the model reads at once', async () => {
    const filler = 'The gardener waters the roses in the early morning before the sun is high. '.repeat(25);
    const [query, without, with_] = await embedder.embed(
      [
        'How do I reset my password?',
        filler,
        `${filler}${'To reset your password, open the account settings. '.repeat(8)}`,
      ],
      { kind: 'document' },
    );
    if (!query || !without || !with_) throw new Error('three vectors expected');
    expect(cosine(query, with_)).toBeGreaterThan(cosine(query, without) + 0.1);
  });

  it('should tell Chinese texts apart, which its English vocabulary cannot', async () => {
    const [query, refund, food] = await embedder.embed(
      ['如何申请退款？', '退款申请应在三十天内提出，客服会在两天内处理。', '这家餐厅的川菜很辣，但是非常好吃。'],
      { kind: 'document' },
    );
    if (!query || !refund || !food) throw new Error('three vectors expected');
    expect(cosine(query, refund)).toBeGreaterThan(0.2);
    expect(cosine(query, refund)).toBeGreaterThan(cosine(query, food) + 0.15);
  });

  it('should take empty, endless and broken texts', async () => {
    const vectors = await embedder.embed(
      ['', ' \n\t', 'a'.repeat(300_000), '中'.repeat(30_000), '\ud800 lone', '😀😀'],
      {
        kind: 'document',
      },
    );
    for (const vector of vectors) expect(cosine(vector, vector)).toBeCloseTo(1, 4);
  });

  it('should let a search overtake a running document', async () => {
    const order: string[] = [];
    const long = Array.from({ length: 24 }, (_, i) => `Paragraph ${i}. ${'It rains on the hills. '.repeat(20)}`);
    const document = embedder.embed(long, { kind: 'document' }).then(() => order.push('document'));
    const query = embedder.embed(['rain'], { kind: 'query' }).then(() => order.push('query'));
    await Promise.all([document, query]);
    expect(order).toEqual(['query', 'document']);
  });

  it('should stop at an abort with the reason of the caller and leave the rest undone', async () => {
    const abort = new AbortController();
    const reason = new Error('cancelled by the user');
    const call = embedder.embed(Array<string>(2_000).fill('It rains on the hills.'), {
      kind: 'document',
      signal: abort.signal,
    });
    abort.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(embedder.waitingTexts).toBe(0);
    expect(await embedder.embed(['still there'], { kind: 'query' })).toHaveLength(1);
  });

  it('should end an idle thread and start another when it is asked again', async () => {
    const brief = new EmbeddedEmbedder({ idleMs: 1 });
    await brief.embed(['one'], { kind: 'query' });
    await until(() => brief.runningThreads === 0);
    expect(await brief.embed(['two'], { kind: 'query' })).toHaveLength(1);
    await brief.close();
  });
});

describe('a thread that fails', () => {
  let folder: string;
  let embedder: EmbeddedEmbedder | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-embedding-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  afterEach(() => embedder?.close());

  /** A real worker thread that answers vectors of one number, and does to `texts[0]` what it says. */
  async function entry(name: string): Promise<URL> {
    const file = join(folder, `${name}.mjs`);
    const flag = join(folder, `${name}.flag`);
    await writeFile(
      file,
      `import { parentPort } from 'node:worker_threads';
       import { existsSync, writeFileSync } from 'node:fs';
       parentPort.on('message', ({ id, texts }) => {
         if (texts[0] === 'crash once' && !existsSync(${JSON.stringify(flag)})) { writeFileSync(${JSON.stringify(flag)}, ''); process.exit(3); }
         if (texts[0] === 'crash') throw new Error('out of luck');
         if (texts[0] === 'hang') return;
         parentPort.postMessage({ id, vectors: texts.map(() => Float32Array.of(1)) });
       });`,
    );
    return pathToFileURL(file);
  }

  it('should try a batch once more on a fresh thread', async () => {
    embedder = new EmbeddedEmbedder({ entry: await entry('once') });
    expect(await embedder.embed(['crash once', 'b'], { kind: 'document' })).toHaveLength(2);
  });

  it('should give up a batch that crashes twice, and go on with the next', async () => {
    embedder = new EmbeddedEmbedder({ entry: await entry('always') });
    const bad = embedder.embed(['crash'], { kind: 'document' });
    const good = embedder.embed(['fine'], { kind: 'document' });
    await expect(bad).rejects.toMatchObject({ code: 'embedding_crashed' });
    expect(await good).toHaveLength(1);
  });

  it('should end a thread that hangs', async () => {
    embedder = new EmbeddedEmbedder({ entry: await entry('hang'), batchTimeoutMs: 200 });
    await expect(embedder.embed(['hang'], { kind: 'query' })).rejects.toMatchObject({ code: 'embedding_timed_out' });
    expect(await embedder.embed(['fine'], { kind: 'query' })).toHaveLength(1);
  });

  it('should refuse more texts than may wait', async () => {
    embedder = new EmbeddedEmbedder({ entry: await entry('queue'), maxWaitingTexts: 20 });
    const first = embedder.embed(Array<string>(28).fill('x'), { kind: 'document' });
    await expect(embedder.embed(['y'], { kind: 'document' })).rejects.toMatchObject({ code: 'embedding_queue_full' });
    expect(await first).toHaveLength(28);
  });

  it('should reject what waits when it is closed, and what comes after', async () => {
    embedder = new EmbeddedEmbedder({ entry: await entry('close') });
    const waiting = embedder.embed(['hang'], { kind: 'document' });
    const rejected = expect(waiting).rejects.toMatchObject({ code: 'embedding_closed' });
    await embedder.close();
    await rejected;
    await expect(embedder.embed(['x'], { kind: 'query' })).rejects.toMatchObject({ code: 'embedding_closed' });
  });
});
