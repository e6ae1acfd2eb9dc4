/** The example of docs/guides/add-a-task.md: it is what the guide shows, and it does what the guide says. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { exportDocument } from '../../../docs/guides/examples/export-document.ts';
import { fencesOf } from '../../../tools/docs/markdown.ts';
import { defineTask, fixedDelay } from '../../../worker/runtime/index.ts';
import { openStorage, type Storage } from '../../../worker/services/storage/storage.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';

/** Calls the outside, then fails once. */
const callers: string[] = [];
const callThenFail = defineTask({
  name: 'call_then_fail',
  queue: 'dataset',
  description: 'Calls the outside, then fails at its first attempt.',
  payload: z.strictObject({}),
  retry: { retries: 1, delaySeconds: fixedDelay(0.05), jitter: 0 },
  handle: async (ctx) => {
    const answer = await ctx.external('call', async (key) => {
      callers.push(key);
      return { answer: callers.length };
    });
    if (ctx.attempt === 0) throw new Error('a later step fails');
    return answer;
  },
});

const root = path.resolve(import.meta.dirname, '../../..');

describe('the guide', () => {
  it('should show the example as it is, but for where it lies', async () => {
    const example = await readFile(path.join(root, 'docs/guides/examples/export-document.ts'), 'utf8');
    const guide = await readFile(path.join(root, 'docs/guides/add-a-task.md'), 'utf8');
    const asTask = example.replaceAll('../../../worker/', '../../').trimEnd();
    expect(fencesOf(guide).map((fence) => fence.text)).toContain(asTask);
  });

  it('should name what the registry has', async () => {
    const registry = await readFile(path.join(root, 'worker/tasks/registry.ts'), 'utf8');
    expect(registry).toContain('const families');
  });
});

describe('the example', () => {
  let storage: Storage;
  let database: TestDatabase;
  let redis: RunningRedis;
  let runtime: TestRuntime;
  let written: string[];
  const stack = new AsyncDisposableStack();

  beforeAll(async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'millrace-example-'));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const files = await openStorage({ scheme: 'fs', options: { root: folder } });
    written = [];
    storage = {
      ...files,
      put: (key, content) => {
        written.push(key);
        return files.put(key, content);
      },
    };
    database = stack.use(await (await databaseKinds.pglite()).open());
    redis = stack.use(await redisServer.start());
    const tasks = [exportDocument({ db: database.db, storage }), callThenFail];
    runtime = stack.use(startRuntime({ db: database.db, redis, tasks, queues: ['dataset'] }));
  });
  afterAll(() => stack.disposeAsync());

  it('should write the text once and note where it lies', async () => {
    const documentId = await indexedDocument(['One.', 'Two.', 'Three.']);
    const { id } = await runtime.enqueuer.one({
      tenantId,
      task: 'export_document_task',
      payload: { document_id: documentId },
    });
    const row = await runtime.ended(id);
    const key = `exports/${tenantId}/${id}-write.txt`;
    expect(row.result).toEqual({ segments: 3, path: key, bytes: 17 });
    expect(row.progress).toMatchObject({ fraction: 1 });
    expect(written).toEqual([key]);
    const pieces: Buffer[] = [];
    for await (const piece of await storage.open(key)) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe('One.\nTwo.\nThree.\n');
    const [document] = await database.db.query<{ metadata: unknown }>('select metadata from documents where id = $1', [
      documentId,
    ]);
    expect(document?.metadata).toEqual({ export: key });
  });

  it('should end at once for a document that is not there', async () => {
    const { id } = await runtime.enqueuer.one({
      tenantId,
      task: 'export_document_task',
      payload: { document_id: randomUUID() },
    });
    const row = await runtime.ended(id);
    expect(row).toMatchObject({ status: 'FAILED', attempts: 1, error: { code: 'document_not_indexed' } });
  });

  it('should not call the outside again when a later step fails, and give it the key of task and step', async () => {
    const { id } = await runtime.enqueuer.one({ tenantId, task: 'call_then_fail', payload: {} });
    const row = await runtime.ended(id);
    expect(row).toMatchObject({ status: 'COMPLETED', attempts: 2, result: { answer: 1 } });
    expect(callers).toEqual([`${id}:call`]);
  });

  async function indexedDocument(texts: readonly string[]): Promise<string> {
    const { db } = database;
    const [datasetId, documentId] = [randomUUID(), randomUUID()];
    await db.query(
      `insert into datasets (id, tenant_id, name, indexing_technique) values ($1, $2, 'example', 'economy')`,
      [datasetId, tenantId],
    );
    await db.query(
      `insert into documents (id, tenant_id, dataset_id, position, batch, name, data_source_type, storage_key, size_bytes,
                              sha256, process_rule, indexing_status, total_segments)
       values ($1, $2, $3, 1, 'b', 'example.txt', 'text_input', 'k', 1, 'x', '{}', 'completed', $4)`,
      [documentId, tenantId, datasetId, texts.length],
    );
    for (const [place, text] of texts.entries()) {
      await db.query(
        `insert into segments (id, tenant_id, dataset_id, document_id, generation, position, content, word_count, tokens, search,
                               status)
         values ($1, $2, $3, $4, 1, $5, $6, 1, 1, '', 'completed')`,
        [randomUUID(), tenantId, datasetId, documentId, place + 1, text],
      );
    }
    return documentId;
  }
});
