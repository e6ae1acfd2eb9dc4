import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEmbedder, type EmbeddingSettings } from './index.ts';

interface Asked {
  readonly at: number;
  readonly authorization: string | undefined;
  readonly body: { model: string; input: string[]; dimensions?: number; encoding_format: string };
}
type Answer = (asked: Asked, response: ServerResponse, n: number) => void;

/** The vector of a text: its length, and three numbers that are the same for all. */
const vectorOf = (text: string) => [text.length, 0.5, -0.25, 1e-3];
const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const vectors: Answer = ({ body }, response) =>
  json(response, 200, {
    object: 'list',
    model: body.model,
    data: body.input.map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text) })),
    usage: { prompt_tokens: 1, total_tokens: 1 },
  });
const refusal =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    json(response, status, { error: { message: `the endpoint says ${status}`, type: 'e' } }, headers);
/** Each answer once, then vectors. */
const first =
  (...answers: Answer[]): Answer =>
  (asked, response, n) =>
    (answers[n] ?? vectors)(asked, response, n);

describe('an OpenAI-compatible endpoint', () => {
  let answer: Answer;
  let asked: Asked[];
  let open: number;
  let mostOpen: number;
  const server = createServer((request, response) => void take(request, response));

  async function take(request: IncomingMessage, response: ServerResponse) {
    mostOpen = Math.max(mostOpen, ++open);
    response.on('close', () => open--);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const call: Asked = {
      at: performance.now(),
      authorization: request.headers.authorization,
      body: JSON.parse(Buffer.concat(chunks).toString()) as Asked['body'],
    };
    const n = asked.push(call) - 1;
    if (request.url === '/v1/embeddings') answer(call, response, n);
    else json(response, 404, { error: { message: 'no such path' } });
  }

  beforeEach(async () => {
    answer = vectors;
    asked = [];
    open = 0;
    mostOpen = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  type Settings = Partial<Extract<EmbeddingSettings, { provider: 'openai_compatible' }>>;
  const make = (more: Settings = {}) =>
    createEmbedder(
      {
        provider: 'openai_compatible',
        baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`,
        apiKey: 'sk-test',
        modelId: 'small-4',
        dimensions: 4,
        ...more,
      },
      { fetch: globalThis.fetch },
    );
  const document = { kind: 'document' } as const;

  it('should send batches with the key and bring the vectors back in order', async () => {
    const embedder = make({ batchSize: 3, maxParallelCalls: 2 });
    const texts = Array.from({ length: 10 }, (_, i) => 'x'.repeat(i + 1));
    const made = await embedder.embed(texts, document);
    expect(embedder.model).toBe('openai_compatible/small-4');
    expect(made.map((vector) => vector[0])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(asked.map((call) => call.body.input.length).sort()).toEqual([1, 3, 3, 3]);
    expect(asked[0]).toMatchObject({
      authorization: 'Bearer sk-test',
      body: { model: 'small-4', encoding_format: 'float' },
    });
    expect(asked[0]?.body).not.toHaveProperty('dimensions');
    expect(mostOpen).toBeLessThanOrEqual(2);
    expect(await embedder.embed([], document)).toEqual([]);
  });

  it('should ask for dimensions where that is set', async () => {
    await make({ sendDimensions: true }).embed(['x'], document);
    expect(asked[0]?.body.dimensions).toBe(4);
  });

  it('should put an answer right that comes out of order', async () => {
    answer = ({ body }, response) =>
      json(response, 200, { data: body.input.map((text, index) => ({ index, embedding: vectorOf(text) })).reverse() });
    const made = await make().embed(['a', 'bb', 'ccc'], document);
    expect(made.map((vector) => vector[0])).toEqual([1, 2, 3]);
  });

  it('should wait as long as the endpoint asks, then go on', async () => {
    answer = first(refusal(429, { 'retry-after': '1' }));
    expect(await make().embed(['x'], document)).toHaveLength(1);
    expect(asked).toHaveLength(2);
    expect((asked[1]?.at ?? 0) - (asked[0]?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('should not wait longer than its cap, and say how long it should', async () => {
    answer = refusal(429, { 'retry-after': '3600' });
    const call = make().embed(['x'], document);
    await expect(call).rejects.toMatchObject({ code: 'embedding_rate_limited', retryAfterMs: 3_600_000 });
    expect(asked).toHaveLength(1);
  });

  it('should try again after a 500, so often and no more', async () => {
    answer = first(refusal(500));
    expect(await make({ maxRetries: 1 }).embed(['x'], document)).toHaveLength(1);
    answer = refusal(503);
    asked.length = 0;
    await expect(make({ maxRetries: 1 }).embed(['x'], document)).rejects.toMatchObject({
      code: 'embedding_unreachable',
    });
    expect(asked).toHaveLength(2);
  });

  it.each([
    [401, 'embedding_unauthorised'],
    [403, 'embedding_unauthorised'],
    [400, 'embedding_refused'],
    [404, 'embedding_refused'],
  ])('should give up at once at %i', async (status, code) => {
    answer = refusal(status);
    await expect(make().embed(['x'], document)).rejects.toMatchObject({ name: 'PermanentError', code });
    expect(asked).toHaveLength(1);
  });

  it('should not wait for an endpoint that hangs', async () => {
    answer = () => {};
    const call = make({ timeoutMs: 100, maxRetries: 0 }).embed(['x'], document);
    await expect(call).rejects.toMatchObject({
      code: 'embedding_unreachable',
      message: expect.stringContaining('0.1 s'),
    });
  });

  it('should not wait for an answer that never ends', async () => {
    answer = (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"data": [');
    const call = make({ timeoutMs: 100, maxRetries: 0 }).embed(['x'], document);
    await expect(call).rejects.toMatchObject({ code: 'embedding_unreachable' });
  });

  it('should say that nobody is there', async () => {
    const call = make({ baseUrl: 'http://127.0.0.1:1/v1', maxRetries: 0 }).embed(['x'], document);
    await expect(call).rejects.toMatchObject({ code: 'embedding_unreachable' });
  });

  it.each<[string, Answer]>([
    ['too few dimensions', (_, response) => json(response, 200, { data: [{ index: 0, embedding: [1, 2, 3] }] })],
    ['too few vectors', (_, response) => json(response, 200, { data: [] })],
    ['wrong numbers', (_, response) => json(response, 200, { data: [{ index: 7, embedding: [1, 2, 3, 4] }] })],
    ['no vectors', (_, response) => json(response, 200, { hello: 'world' })],
    ['no finite numbers', (_, response) => json(response, 200, { data: [{ index: 0, embedding: [1e39, 2, 3, 4] }] })],
    ['a web page', (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
  ])('should refuse an answer with %s', async (_, wrong) => {
    answer = wrong;
    await expect(make().embed(['x'], document)).rejects.toMatchObject({ code: 'embedding_bad_answer' });
    expect(asked).toHaveLength(1);
  });

  it('should stop at an abort with the reason of the caller', async () => {
    const abort = new AbortController();
    const reason = new Error('cancelled by the user');
    answer = () => abort.abort(reason);
    const call = make({ maxParallelCalls: 1, batchSize: 1 }).embed(['a', 'b', 'c'], {
      ...document,
      signal: abort.signal,
    });
    await expect(call).rejects.toBe(reason);
    expect(asked).toHaveLength(1);
  });

  it('should stop at an abort while it waits to try again', async () => {
    const abort = new AbortController();
    answer = (call, response, n) => {
      refusal(429, { 'retry-after': '20' })(call, response, n);
      response.on('close', () => abort.abort(new Error('enough')));
    };
    await expect(make().embed(['a'], { ...document, signal: abort.signal })).rejects.toThrow('enough');
  });

  it('should not start the other batches once one has failed', async () => {
    answer = refusal(401);
    const call = make({ maxParallelCalls: 1, batchSize: 1 }).embed(Array<string>(20).fill('x'), document);
    await expect(call).rejects.toMatchObject({ code: 'embedding_unauthorised' });
    expect(asked).toHaveLength(1);
  });

  it('should let a search go ahead of the batches that wait', async () => {
    const embedder = make({ maxParallelCalls: 1, batchSize: 1 });
    const batch = embedder.embed(['d1', 'd2', 'd3'], document);
    const query = embedder.embed(['q'], { kind: 'query' });
    await Promise.all([batch, query]);
    expect(asked.map((call) => call.body.input[0]).indexOf('q')).toBeLessThan(3);
  });

  it('should keep to its own limit of requests a minute', async () => {
    // 600 a minute allow 60 at once, then one in 100 ms
    const embedder = make({ requestsPerMinute: 600, batchSize: 1, maxParallelCalls: 8 });
    await embedder.embed(Array<string>(64).fill('x'), document);
    expect((asked[63]?.at ?? 0) - (asked[0]?.at ?? 0)).toBeGreaterThanOrEqual(200);
  });

  it('should reject what runs when it is closed, and what comes after', async () => {
    const arrived = Promise.withResolvers<void>();
    answer = () => arrived.resolve();
    const embedder = make();
    const call = expect(embedder.embed(['x'], document)).rejects.toMatchObject({ code: 'embedding_closed' });
    await arrived.promise;
    await embedder.close();
    await call;
    await expect(embedder.embed(['x'], document)).rejects.toMatchObject({ code: 'embedding_closed' });
  });
});
