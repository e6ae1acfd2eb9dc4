/** A worker that indexes, on real servers, and hands to feed it documents and to look at what became of them. */
import { randomUUID } from 'node:crypto';
import { expect, vi } from 'vitest';
import type { Database } from '../../../worker/db/index.ts';
import { cancelTask, readTask, type TaskRow } from '../../../worker/runtime/index.ts';
import type { Embedder } from '../../../worker/services/embedding/index.ts';
import { createDataset } from '../../../worker/services/knowledge/datasets.ts';
import {
  type DocumentRow,
  documentStorageKey,
  insertDocument,
  newDocumentId,
  readDocument,
} from '../../../worker/services/knowledge/documents.ts';
import {
  type RetrievalModelInput,
  type RetrievalRecord,
  retrievalModelSchema,
  retrieve,
} from '../../../worker/services/retrieval/index.ts';
import { processRuleSchema } from '../../../worker/services/splitting/process-rule.ts';
import type { TaskServices } from '../../../worker/services/task-services.ts';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type databaseNames } from '../../harness/databases.ts';
import { type EmbeddingEndpoint, startEmbeddingEndpoint } from '../../harness/embedding-endpoint.ts';
import { redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';
import { endpointEmbedder, openTestServices, type SlowFiles } from '../../harness/services.ts';

export interface Place {
  readonly tenantId: string;
  readonly datasetId: string;
}

interface NewText {
  readonly name?: string;
  readonly content: string | Uint8Array;
  /** As a client sends it. */
  readonly rule?: unknown;
  readonly language?: string;
}

interface StoredSegment {
  readonly id: string;
  readonly generation: number;
  readonly position: number;
  readonly content: string;
  readonly status: string;
  readonly tokens: number;
  readonly word_count: number;
  readonly keywords: readonly string[];
  readonly page: number | null;
  readonly section: string | null;
  readonly completed_at: Date | null;
  readonly children: readonly { readonly id: string; readonly position: number; readonly content: string }[];
}

interface StoredVector {
  readonly id: string;
  readonly segment_id: string;
  readonly child_id: string | null;
}

export interface Bench extends AsyncDisposable {
  readonly db: Database;
  readonly services: TaskServices;
  readonly runtime: TestRuntime;
  readonly endpoint: EmbeddingEndpoint;
  readonly slowFiles: SlowFiles;
  files(): Promise<string[]>;
  dataset(technique?: 'high_quality' | 'economy', tenantId?: string): Promise<Place>;
  /** Stores the file and the row of a document; nothing indexes it yet. */
  put(place: Place, text: NewText): Promise<string>;
  /** Sends a task about documents: payloads that name one and payloads that name several are told apart by `ids`. */
  send(task: string, place: Place, ids: string | readonly string[], tenantId?: string): Promise<string>;
  /** Sends and waits for the end. */
  run(task: string, place: Place, ids: string | readonly string[]): Promise<TaskRow>;
  /** Puts a document and indexes it to the end, whichever that is. */
  index(place: Place, text: NewText): Promise<{ readonly id: string; readonly task: TaskRow }>;
  /** What people are shown. @throws when there is none. */
  document(place: Place, id: string): Promise<DocumentRow>;
  /** Every segment there is, of every generation, in order. */
  segments(documentId: string): Promise<StoredSegment[]>;
  vectors(documentId: string): Promise<StoredVector[]>;
  search(place: Place, query: string, model?: RetrievalModelInput): Promise<RetrievalRecord[]>;
  /** Waits until the task has this status. */
  untilStatus(taskId: string, status: TaskRow['status'], tenantId?: string): Promise<void>;
  /** Waits until the endpoint holds a request back. */
  untilHeld(): Promise<void>;
  cancel(taskId: string): Promise<void>;
}

export async function startBench(
  kind: (typeof databaseNames)[number],
  embedderOf: (db: Database, endpoint: EmbeddingEndpoint) => Embedder = endpointEmbedder,
): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await databaseKinds[kind]());
  const { db } = stack.use(await server.open());
  const redis = stack.use(await redisServer.start());
  const endpoint = stack.use(await startEmbeddingEndpoint());
  const embedder = embedderOf(db, endpoint);
  const opened = stack.use(await openTestServices(db, embedder));
  const { services } = opened;
  const runtime = stack.use(startRuntime({ db, redis, tasks: opened.tasks, queues: ['dataset', 'priority_dataset'] }));
  const all = stack.move();

  const bench: Bench = {
    db,
    services,
    runtime,
    endpoint,
    slowFiles: opened.slowFiles,
    files: opened.files,
    async dataset(indexingTechnique = 'high_quality', tenantId = defaultTenantId) {
      const { id } = await createDataset(db, {
        tenantId,
        name: randomUUID(),
        indexingTechnique,
        embedding: { model: embedder.model, dimensions: embedder.dimensions },
      });
      return { tenantId, datasetId: id };
    },
    async put({ tenantId, datasetId }, { name = 'text.txt', content, rule, language }) {
      const id = newDocumentId();
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      const file = await services.storage.put(
        documentStorageKey(tenantId, id),
        (async function* () {
          yield bytes;
        })(),
      );
      await db.tx((tx) =>
        insertDocument(tx, {
          id,
          tenantId,
          datasetId,
          batch: 'bench',
          name,
          source: 'upload_file',
          file,
          processRule: processRuleSchema.parse(rule ?? { mode: 'automatic' }),
          language,
          taskId: randomUUID(),
        }),
      );
      return id;
    },
    async send(task, { tenantId, datasetId }, ids, as = tenantId) {
      const documents = typeof ids === 'string' ? { document_id: ids } : { document_ids: ids };
      const payload = { tenant_id: tenantId, dataset_id: datasetId, ...documents };
      return (await runtime.enqueuer.one({ task, payload, tenantId: as })).id;
    },
    async run(task, place, ids) {
      return runtime.ended(await bench.send(task, place, ids), 60_000);
    },
    async index(place, text) {
      const id = await bench.put(place, text);
      return { id, task: await bench.run('document_indexing_task', place, [id]) };
    },
    async document({ tenantId, datasetId }, id) {
      const row = await readDocument(db, tenantId, datasetId, id);
      if (!row) throw new Error(`there is no document ${id}`);
      return row;
    },
    segments: (documentId) =>
      db.query<StoredSegment>(
        `select s.id, s.generation, s.position, s.content, s.status, s.tokens, s.word_count, s.keywords, s.page, s.section, s.completed_at,
                coalesce((select jsonb_agg(jsonb_build_object('id', c.id, 'position', c.position, 'content', c.content) order by c.position)
                            from child_chunks c where c.segment_id = s.id), '[]') as children
           from segments s where s.document_id = $1 order by s.generation, s.position`,
        [documentId],
      ),
    async vectors(documentId) {
      const table = `vectors_${embedder.dimensions}`;
      const [made] = await db.query<{ there: boolean }>('select to_regclass($1) is not null as there', [table]);
      if (!made?.there) return [];
      return db.query<StoredVector>(
        `select id, segment_id, child_id from ${table} where document_id = $1 order by id`,
        [documentId],
      );
    },
    search: (place, query, model = {}) =>
      retrieve(services, { ...place, query, retrievalModel: retrievalModelSchema.parse(model) }),
    async untilStatus(taskId, status, tenantId = defaultTenantId) {
      await vi.waitFor(async () => expect((await readTask(db, tenantId, taskId))?.status).toBe(status), 20_000);
    },
    async untilHeld() {
      await vi.waitFor(() => expect(endpoint.held).toBeGreaterThan(0), 20_000);
    },
    async cancel(taskId) {
      expect(await cancelTask(db, defaultTenantId, taskId, 'cancelled by a test')).toBe(true);
      await vi.waitFor(() => expect(runtime.consumer.running.map((run) => run.id)).not.toContain(taskId), 20_000);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return bench;
}

/** As many paragraphs as told, each a segment of its own under `paragraphRule`, all different. */
export const paragraphs = (count: number, about = 'mill'): string =>
  Array.from({ length: count }, (_, n) => `Paragraph ${n + 1} of the ${about} tells of wheel w${n + 1}.`).join('\n\n');

export const paragraphRule = {
  mode: 'custom',
  rules: { pre_processing_rules: [], segmentation: { separator: '\n\n', max_tokens: 50, chunk_overlap: 0 } },
};

/** What holds of every document that is completed: gapless, all searchable, one vector a segment, or a child. */
export async function expectComplete(bench: Bench, place: Place, id: string): Promise<StoredSegment[]> {
  const document = await bench.document(place, id);
  expect(document).toMatchObject({ indexing_status: 'completed', error: null, error_code: null });
  const segments = await bench.segments(id);
  expect(segments.length).toBeGreaterThan(0);
  expect(document).toMatchObject({ total_segments: segments.length, completed_segments: segments.length });
  expect(segments.map((segment) => segment.position)).toEqual(segments.map((_, at) => at + 1));
  expect(new Set(segments.map((segment) => segment.generation))).toEqual(new Set([document.generation]));
  expect(segments.every((segment) => segment.status === 'completed')).toBe(true);
  const [dataset] = await bench.db.query<{ indexing_technique: string }>(
    'select indexing_technique from datasets where id = $1',
    [place.datasetId],
  );
  const points = segments.flatMap(({ id: segment, children }): StoredVector[] =>
    children.length > 0
      ? children.map((child) => ({ id: child.id, segment_id: segment, child_id: child.id }))
      : [{ id: segment, segment_id: segment, child_id: null }],
  );
  expect(await bench.vectors(id)).toEqual(
    dataset?.indexing_technique === 'economy' ? [] : points.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  );
  return segments;
}

/** Nothing of it is stored or found, but its row and its file. */
export async function expectNothingIndexed(bench: Bench, id: string): Promise<void> {
  expect(await bench.segments(id)).toEqual([]);
  expect(await bench.vectors(id)).toEqual([]);
  expect(await bench.db.query('select id from child_chunks where document_id = $1', [id])).toEqual([]);
}
