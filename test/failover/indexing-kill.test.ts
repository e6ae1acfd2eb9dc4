/**
 * Workers are killed with SIGKILL while they index 20 documents, with the real embedded model. Every document must complete
 * with exactly the segments of a run that nobody disturbed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type EmbeddedProcess, startEmbedded } from '../../worker/cli/embedded-process.ts';
import { type ApiClient, createApiClient } from '../../worker/cli/http.ts';
import { databaseVariables } from '../harness/database-address.ts';
import { startMillrace } from '../harness/millrace-process.ts';
import { postgresServer } from '../harness/postgres.ts';
import { randomOf } from '../harness/random.ts';
import { redisServer } from '../harness/redis.ts';

const seed = 20_261_121;
const documents = 20;
const sentences = 60;
/** Short segments, so that a document is many batches. */
const processRule = {
  mode: 'custom',
  rules: {
    pre_processing_rules: [{ id: 'remove_extra_spaces', enabled: true }],
    segmentation: { separator: '\n', max_tokens: 50, chunk_overlap: 0 },
  },
} as const;
const apiKey = 'mr-test-key-of-the-kill-test';
/** Shares of all segments at which the worker is killed. */
const killAt = [0.1, 0.5];
const completionTimeoutMs = 240_000;

const words =
  'wheel sluice gate stone flour grain river miller cog axle belt sack bell lamp roof door mare cart rope beam'.split(
    ' ',
  );

function sampleText(document: number): string {
  const random = randomOf(seed + document);
  const word = () => words[Math.floor(random() * words.length)] ?? '';
  return Array.from(
    { length: sentences },
    (_, line) =>
      `Line ${line} of report ${document}: the ${word()} beside the ${word()} needs a new ${word()} before the ${word()} is used.`,
  ).join('\n');
}

const statusSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      indexing_status: z.string(),
      error: z.string().nullable(),
      completed_segments: z.number(),
      total_segments: z.number(),
    }),
  ),
});
const segmentsSchema = z.object({ data: z.array(z.object({ position: z.number(), content: z.string() })) });

async function upload(client: ApiClient): Promise<string> {
  const { id } = z.object({ id: z.string() }).parse(await client.post('/v1/datasets', { name: 'kill test' }));
  for (let n = 0; n < documents; n += 1) {
    await client.post(`/v1/datasets/${id}/document/create-by-text`, {
      name: `report-${n}`,
      text: sampleText(n),
      process_rule: processRule,
    });
  }
  return id;
}

/** Polls until `done` says so; a process that is being restarted is asked again. */
async function until(
  client: () => ApiClient,
  datasetId: string,
  done: (data: z.output<typeof statusSchema>['data']) => boolean,
): Promise<void> {
  const deadline = Date.now() + completionTimeoutMs;
  let last = '';
  while (Date.now() < deadline) {
    const { data } = statusSchema.parse(await client().get(`/v1/datasets/${datasetId}/documents?limit=100`));
    const failed = data.find((document) => document.indexing_status === 'error');
    if (failed) throw new Error(`${failed.name}: ${failed.error}`);
    if (done(data)) return;
    last = data
      .map((document) => `${document.name} ${document.indexing_status} ${document.completed_segments}`)
      .join(', ');
    await wait(100);
  }
  throw new Error(`not there after ${completionTimeoutMs / 1000} s (seed ${seed}): ${last}`);
}

const allCompleted = (data: z.output<typeof statusSchema>['data']) =>
  data.length === documents && data.every((document) => document.indexing_status === 'completed');

/** So many segments are there, and a document is at work: between two documents a kill would strike nothing. */
const reached = (share: number) => (data: z.output<typeof statusSchema>['data']) =>
  data.reduce((sum, document) => sum + document.completed_segments, 0) >= share * documents * sentences &&
  data.some((document) => document.completed_segments > 0 && document.completed_segments < document.total_segments);

/** Every document's segments, in order, by its name. */
async function segmentsOf(client: ApiClient, datasetId: string): Promise<Record<string, string[]>> {
  const { data } = statusSchema.parse(await client.get(`/v1/datasets/${datasetId}/documents?limit=100`));
  const found: Record<string, string[]> = {};
  for (const document of data) {
    const page = segmentsSchema.parse(
      await client.get(`/v1/datasets/${datasetId}/documents/${document.id}/segments?limit=100`),
    );
    expect(page.data.map((segment) => segment.position)).toEqual(page.data.map((_, place) => place + 1));
    expect(document).toMatchObject({ total_segments: page.data.length, completed_segments: page.data.length });
    found[document.name] = page.data.map((segment) => segment.content);
  }
  return found;
}

/** What Postgres holds at the end. */
async function counts(url: string): Promise<{ vectors: number; segments: number; takenOver: number }> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query(
      `select (select count(*)::int from vectors_512) as vectors,
              (select count(distinct segment_id)::int from vectors_512) as segments,
              (select count(*)::int from tasks where epoch > 1) as "takenOver"`,
    );
    return rows[0];
  } finally {
    await client.end();
  }
}

describe('killing workers while they index', () => {
  let home: string;
  let undisturbed: Record<string, string[]>;

  beforeAll(async () => {
    process.stdout.write(`seed ${seed}\n`);
    home = await mkdtemp(join(tmpdir(), 'millrace-kill-'));
    const millrace = await startEmbedded(join(home, 'undisturbed'), { LOG_LEVEL: 'WARNING' });
    const client = createApiClient(millrace.url, millrace.apiKey);
    const datasetId = await upload(client);
    await until(() => client, datasetId, allCompleted);
    undisturbed = await segmentsOf(client, datasetId);
    await millrace.stop();
  }, completionTimeoutMs);
  afterAll(() => rm(home, { recursive: true, force: true }));

  it('should complete every document when the embedded default is killed twice', async () => {
    const folder = join(home, 'killed');
    let millrace: EmbeddedProcess = await startEmbedded(folder, { LOG_LEVEL: 'WARNING' });
    const client = () => createApiClient(millrace.url, millrace.apiKey);
    const datasetId = await upload(client());
    for (const share of killAt) {
      await until(client, datasetId, reached(share));
      const { promise: gone, resolve } = Promise.withResolvers<void>();
      millrace.child.once('exit', () => resolve());
      millrace.child.kill('SIGKILL');
      await gone;
      millrace = await startEmbedded(folder, { LOG_LEVEL: 'WARNING' });
    }
    await until(client, datasetId, allCompleted);
    expect(await segmentsOf(client(), datasetId)).toEqual(undisturbed);
    expect(await millrace.stop()).toBe(0);
  });

  it('should complete every document when the worker process is killed twice beside Postgres and Redis', async () => {
    await using postgres = await postgresServer.start();
    await using redis = await redisServer.start();
    await using database = await postgres.createDatabase();
    const env = {
      ...databaseVariables(database.address),
      REDIS_HOST: redis.host,
      REDIS_PORT: String(redis.port),
      REDIS_PASSWORD: redis.password,
      OPENDAL_FS_ROOT: join(home, 'storage'),
      MILLRACE_API_KEY: apiKey,
      // as the embedded default does: one by one, a worker would often be killed with nothing in its hands
      TENANT_ISOLATED_TASK_CONCURRENCY: '4',
    };
    await using api = await startMillrace({ ...env, MODE: 'api' });
    let worker = await startMillrace({ ...env, MODE: 'worker' });
    try {
      const client = createApiClient(api.url ?? '', apiKey);
      const datasetId = await upload(client);
      for (const share of killAt) {
        await until(() => client, datasetId, reached(share));
        await worker.kill();
        worker = await startMillrace({ ...env, MODE: 'worker' });
      }
      await until(() => client, datasetId, allCompleted);
      expect(await segmentsOf(client, datasetId)).toEqual(undisturbed);
      const counted = await counts(database.url);
      expect(counted).toMatchObject({ vectors: documents * sentences, segments: documents * sentences });
      // else the kills struck nothing
      expect(counted.takenOver).toBeGreaterThan(0);
    } finally {
      expect(await worker.stop()).toBe(0);
    }
  });
});
