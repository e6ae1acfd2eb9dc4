/** An OpenAI-compatible embedding endpoint that answers at once: what it takes is measured, so that it can be told apart. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Random } from '../fixtures/random.ts';

const seed = 77;
/** Different vectors; a text is given one by its place in the call. As many as texts in one call. */
const vectors = 64;

export interface Endpoint extends AsyncDisposable {
  /** As MILLRACE_EMBEDDING_BASE_URL. */
  readonly baseUrl: string;
  readonly dimensions: number;
  /** Time spent on answers so far, in seconds; overlapping ones count each. */
  readonly seconds: number;
  /** Texts so far. */
  readonly texts: number;
}

/** Vectors are written as JSON ahead; every answer is put together from them. */
export async function startEndpoint(dimensions: number): Promise<Endpoint> {
  const random = new Random(seed);
  const written = Array.from({ length: vectors }, () =>
    JSON.stringify(Array.from({ length: dimensions }, () => Math.round((random.next() * 2 - 1) * 1e6) / 1e6)),
  );
  let seconds = 0;
  let texts = 0;
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const began = performance.now();
    const { input, model }: { input: string[]; model: string } = JSON.parse(Buffer.concat(chunks).toString());
    const data = input.map((_, at) => `{"object":"embedding","index":${at},"embedding":${written[at % vectors]}}`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      `{"object":"list","model":${JSON.stringify(model)},"data":[${data.join(',')}],"usage":{"prompt_tokens":1,"total_tokens":1}}`,
    );
    seconds += (performance.now() - began) / 1000;
    texts += input.length;
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the endpoint was to listen on a port');
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    dimensions,
    get seconds() {
      return seconds;
    },
    get texts() {
      return texts;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
