/** An HTTP server that speaks OpenAI's embeddings protocol: answers at once, and fails as it is told. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { searchWords } from '../../worker/services/search-text/words.ts';

const requestSchema = z.object({ model: z.string(), input: z.union([z.string(), z.array(z.string())]) });
const maxBodyBytes = 16 * 1024 * 1024;

export const endpointModel = 'hashed-words';
export const endpointDimensions = 1024;

/** What becomes of a request: vectors, an HTTP error, or silence until `release`. */
type Behaviour = (request: { readonly texts: readonly string[]; readonly nth: number }) => 200 | number | 'hold';

export interface EmbeddingEndpoint extends AsyncDisposable {
  /** Up to and without `/embeddings`. */
  readonly baseUrl: string;
  /** Every text that was answered with a vector, in order. */
  readonly embedded: readonly string[];
  /** Requests that came since the start or `forget`. */
  readonly requests: number;
  /** Requests that are held now. */
  readonly held: number;
  /** From now on; `nth` counts from 1, anew. */
  behave(how: Behaviour): void;
  /** Answers every request again, those that are held too. */
  heal(): void;
  /** Answers what is held with an HTTP error. */
  refuseHeld(status: number): void;
  /** Starts `embedded` and `requests` anew. */
  forget(): void;
}

/** Letters of a word that count: a crude stem, by which "villages" and "village" are one. */
const stemChars = 6;

/**
 * Each stem has a direction of its own, so that texts with words in common are near each other. One that comes often counts
 * little more than one that comes once, and long words, which tend to be rare, count more than short ones.
 */
function vectorOf(text: string): number[] {
  const vector = new Array<number>(endpointDimensions).fill(0);
  const counts = new Map<string, number>();
  for (const word of searchWords(text)) {
    const stem = word.slice(0, stemChars);
    counts.set(stem, (counts.get(stem) ?? 0) + 1);
  }
  for (const [stem, count] of counts) {
    const weight = (1 + Math.log(count)) * (/^[a-z]+$/.test(stem) ? stem.length : stemChars);
    const hash = createHash('sha256').update(stem).digest();
    for (let at = 0; at < 16; at += 2) {
      const place = hash.readUInt16LE(at) % endpointDimensions;
      vector[place] = (vector[place] ?? 0) + ((hash[16 + at] ?? 0) % 2 === 0 ? weight : -weight);
    }
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

export async function startEmbeddingEndpoint(): Promise<EmbeddingEndpoint> {
  const answering: Behaviour = () => 200;
  let behaviour = answering;
  let nth = 0;
  let requests = 0;
  const embedded: string[] = [];
  const held = new Map<ServerResponse, readonly string[]>();

  const answer = (response: ServerResponse, texts: readonly string[]) => {
    embedded.push(...texts);
    json(response, 200, {
      object: 'list',
      model: endpointModel,
      data: texts.map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text) })),
      usage: { prompt_tokens: 0, total_tokens: 0 },
    });
  };

  const server = createServer(async (request, response) => {
    const { input } = requestSchema.parse(JSON.parse(await bodyOf(request)));
    const texts = typeof input === 'string' ? [input] : input;
    requests += 1;
    nth += 1;
    const what = behaviour({ texts, nth });
    if (what === 200) answer(response, texts);
    else if (what === 'hold') {
      held.set(response, texts);
      response.on('close', () => held.delete(response));
    } else refuse(response, what);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;

  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    embedded,
    get requests() {
      return requests;
    },
    get held() {
      return held.size;
    },
    behave(how) {
      behaviour = how;
      nth = 0;
    },
    heal() {
      behaviour = answering;
      for (const [response, texts] of [...held]) answer(response, texts);
      held.clear();
    },
    refuseHeld(status) {
      for (const response of [...held.keys()]) refuse(response, status);
      held.clear();
    },
    forget() {
      embedded.length = 0;
      requests = 0;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function refuse(response: ServerResponse, status: number): void {
  json(response, status, { error: { message: 'told to fail by the test', type: 'test', code: null } });
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    bytes += piece.length;
    if (bytes > maxBodyBytes) throw new Error(`a request for embeddings of more than ${maxBodyBytes} bytes came`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
