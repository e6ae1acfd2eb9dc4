/** One load of documents through a running Millrace, from the first upload until the last is completed. */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { type ApiClient, createApiClient } from '../../worker/cli/http.ts';

export interface Load {
  readonly name: string;
  readonly content: Uint8Array;
}

export interface Indexed {
  readonly seconds: number;
  readonly documents: number;
  readonly segments: number;
}

const pollMs = 100;
const indexingTimeoutMs = 90_000;
/** Uploads under way at a time, as a client that is in a hurry sends them. */
const uploadsAtATime = 4;

const datasetSchema = z.object({ id: z.string() });
const documentsSchema = z.object({
  data: z.array(
    z.object({
      name: z.string(),
      indexing_status: z.string(),
      error: z.string().nullable(),
      total_segments: z.number(),
    }),
  ),
});

/** @throws Error when a document fails or the load is not indexed in time. At most 100 documents. */
export async function index(url: string, key: string, name: string, load: readonly Load[]): Promise<Indexed> {
  const client = createApiClient(url, key);
  const dataset = datasetSchema.parse(await client.post('/v1/datasets', { name }));
  const began = performance.now();
  const left = load.values();
  await Promise.all(
    Array.from({ length: uploadsAtATime }, async () => {
      for (const file of left) await client.upload(`/v1/datasets/${dataset.id}/document/create-by-file`, {}, file);
    }),
  );
  const segments = await completed(client, dataset.id, load.length);
  return { seconds: (performance.now() - began) / 1000, documents: load.length, segments };
}

async function completed(client: ApiClient, datasetId: string, documents: number): Promise<number> {
  const deadline = Date.now() + indexingTimeoutMs;
  for (;;) {
    const { data } = documentsSchema.parse(await client.get(`/v1/datasets/${datasetId}/documents?limit=100`));
    const failed = data.find((document) => document.indexing_status === 'error');
    if (failed) throw new Error(`${failed.name} failed: ${failed.error}`);
    const done = data.filter((document) => document.indexing_status === 'completed');
    if (done.length === documents) return done.reduce((sum, document) => sum + document.total_segments, 0);
    if (Date.now() > deadline) {
      throw new Error(`${done.length} of ${documents} documents were indexed in ${indexingTimeoutMs / 1000} s`);
    }
    await wait(pollMs);
  }
}
