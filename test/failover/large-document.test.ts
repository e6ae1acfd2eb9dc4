/** The promise of the upload limit: 200 MB of text are indexed, and the processes that do it stay under 1 GB together. */
import { createReadStream, openAsBlob } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { treeBytes } from '../../tools/bench/memory.ts';
import { startEmbedded } from '../../worker/cli/embedded-process.ts';
import { createApiClient } from '../../worker/cli/http.ts';
import { insertDocument, newDocumentId } from '../../worker/services/knowledge/documents.ts';
import { needle, needleQuestion, writeLargeText } from '../harness/large-text.ts';
import { startBench } from '../integration/indexing/bench.ts';

const megabyte = 1024 * 1024;
const fileBytes = 200 * megabyte;
const peakBytes = 1024 * megabyte;
const withinMs = { postgres: 240_000, embedded: 600_000 };
const sampleMs = 100;

/** Watches resident memory, shared pages counted in each process; `peak` is the most that was seen. */
class Watch implements Disposable {
  peak = 0;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(bytesNow: () => number) {
    this.#timer = setInterval(() => {
      this.peak = Math.max(this.peak, bytesNow());
    }, sampleMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  say(where: string, segments: number): void {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    console.info(
      `200 MB on ${where}: ${segments} segments in ${seconds.toFixed(0)} s, process tree ${Math.round(this.peak / megabyte)} MB at most`,
    );
  }
}

/** This process and all its descendants. */
const allBytes = () => treeBytes(process.pid) ?? Number.NaN;
/** What this process started. */
const startedBytes = () => allBytes() - process.memoryUsage.rss();

const idSchema = z.object({ id: z.string() });
const createdSchema = z.object({ document: idSchema, task_id: z.string() });
const taskSchema = z.object({ status: z.string(), attempts: z.number(), finished_at: z.string().nullable() });
const documentsSchema = z.object({
  data: z.array(z.object({ indexing_status: z.string(), total_segments: z.number(), completed_segments: z.number() })),
});
const lastSegmentSchema = z.object({ data: z.array(z.object({ position: z.number(), status: z.string() })) });
const recordsSchema = z.object({ records: z.array(z.object({ segment: z.object({ content: z.string() }) })) });

describe('a text of 200 MB', () => {
  let folder: string;
  let path: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-large-'));
    path = join(folder, 'large.txt');
    await writeLargeText(path, fileBytes);
    expect((await stat(path)).size).toBeGreaterThanOrEqual(fileBytes);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('should be indexed to the end beside Postgres, in less than 1 GB, and be found', async () => {
    await using bench = await startBench('postgres');
    const place = await bench.dataset('economy');
    const id = newDocumentId();
    const file = await bench.services.storage.put(`upload_files/${place.tenantId}/${id}`, createReadStream(path));
    await bench.db.tx((tx) =>
      insertDocument(tx, {
        id,
        ...place,
        batch: 'large',
        name: 'large.txt',
        source: 'upload_file',
        file,
        processRule: { mode: 'automatic' },
        language: undefined,
        taskId: newDocumentId(),
      }),
    );
    using watch = new Watch(allBytes);
    const task = await bench.runtime.ended(await bench.send('document_indexing_task', place, [id]), withinMs.postgres);
    expect(task).toMatchObject({ status: 'COMPLETED', attempts: 1 });
    const document = await bench.document(place, id);
    watch.say('Postgres', document.total_segments);
    expect(watch.peak).toBeGreaterThan(0);
    expect(watch.peak).toBeLessThan(peakBytes);
    expect(document).toMatchObject({ indexing_status: 'completed', completed_segments: document.total_segments });
    const [stored] = await bench.db.query<{ count: number; last: number; waiting: number }>(
      `select count(*)::int as count, max(position) as last, count(*) filter (where status <> 'completed')::int as waiting
         from segments where document_id = $1`,
      [id],
    );
    expect(stored).toEqual({ count: document.total_segments, last: document.total_segments, waiting: 0 });
    const [best] = await bench.search(place, needleQuestion);
    expect(best?.segment.content).toContain(needle);
  });

  it(
    'should be uploaded to and indexed by the embedded default, from its very first start on in less than 1 GB',
    async () => {
      using watch = new Watch(startedBytes);
      const millrace = await startEmbedded(join(folder, 'home'), {
        LOG_LEVEL: 'WARNING',
        // 200 MiB are more than the 200 MB of the default
        UPLOAD_FILE_SIZE_LIMIT: '210',
      });
      try {
        const client = createApiClient(millrace.url, millrace.apiKey);
        const dataset = idSchema.parse(
          await client.post('/v1/datasets', { name: 'large', indexing_technique: 'economy' }),
        );
        // streamed from the file: this process holds none of it
        const form = new FormData();
        form.set('file', await openAsBlob(path), 'large.txt');
        const uploaded = await fetch(`${millrace.url}/v1/datasets/${dataset.id}/document/create-by-file`, {
          method: 'POST',
          body: form,
          headers: { authorization: `Bearer ${millrace.apiKey}` },
        });
        const created = createdSchema.parse(await uploaded.json());
        const deadline = Date.now() + withinMs.embedded;
        let task: z.output<typeof taskSchema>;
        do task = taskSchema.parse(await client.get(`/v1/tasks/${created.task_id}?wait=30`));
        while (task.finished_at === null && Date.now() < deadline);
        expect(task).toMatchObject({ status: 'COMPLETED', attempts: 1 });

        const documents = `/v1/datasets/${dataset.id}/documents`;
        const [document] = documentsSchema.parse(await client.get(documents)).data;
        const total = document?.total_segments ?? 0;
        expect(document).toEqual({ indexing_status: 'completed', total_segments: total, completed_segments: total });
        // gapless from 1, so the last one's position is their number
        const last = await client.get(`${documents}/${created.document.id}/segments?limit=1&page=${total}`);
        expect(lastSegmentSchema.parse(last).data).toEqual([{ position: total, status: 'completed' }]);
        const found = await client.post(`/v1/datasets/${dataset.id}/retrieve`, { query: needleQuestion });
        expect(recordsSchema.parse(found).records[0]?.segment.content).toContain(needle);
        watch.say('the embedded default', total);
        expect(watch.peak).toBeGreaterThan(0);
        expect(watch.peak).toBeLessThan(peakBytes);
      } finally {
        await millrace.stop();
      }
    },
    withinMs.embedded + 120_000,
  );
});
