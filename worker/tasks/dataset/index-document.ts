/**
 * The indexing of one document: parse, clean, split, embed, store. Each batch is an effect, so that a run that was killed goes
 * on at the batch it stopped at, and nothing is stored twice.
 */
import { errorText, MillraceError, PermanentError } from '../../errors.ts';
import { StaleOwnerError, type TaskContext } from '../../runtime/index.ts';
import { DocumentError } from '../../services/document.ts';
import {
  type IndexableDocument,
  indexableDocument,
  runStands,
  setFailed,
  setMetadata,
  setSplit,
  setStatus,
  setTask,
} from '../../services/knowledge/indexing-run.ts';
import {
  completeSegments,
  insertSegments,
  storedSegments,
  type WaitingSegment,
  waitingSegments,
} from '../../services/knowledge/indexing-segments.ts';
import { deleteSegments } from '../../services/knowledge/removal.ts';
import type { TaskServices } from '../../services/task-services.ts';
import type { VectorPoint } from '../../services/vector/store.ts';

export interface IndexingResult {
  readonly [key: string]: string | number;
  readonly document_id: string;
  readonly status: 'completed' | 'skipped';
  readonly segments: number;
}

/** Segments embedded and stored in one effect. Small enough that a kill repeats little, large enough to fill an API call. */
const embedBatch = 32;
/** Without embedding a batch is only a few rows. */
const keywordBatch = 500;

/** The document was deleted, paused, or is being indexed anew: this run ends quietly. */
class SupersededError extends MillraceError {
  constructor(documentId: string) {
    super({
      code: 'document_superseded',
      message: `Document ${documentId} was deleted, paused or is indexed anew; this run ends.`,
    });
  }
}

/**
 * Indexes a document, or goes on with it.
 * @throws DocumentError when the document cannot be indexed; it then has the status `error` and nothing of it is searchable.
 */
export async function indexDocument(
  services: TaskServices,
  ctx: TaskContext,
  datasetId: string,
  documentId: string,
): Promise<IndexingResult> {
  const document = await indexableDocument(services.db, ctx.tenantId, datasetId, documentId);
  if (!document || document.archived || document.status === 'completed' || document.status === 'paused') {
    return { document_id: documentId, status: 'skipped', segments: document?.completedSegments ?? 0 };
  }
  try {
    await begin(ctx, document);
    const total = await split(services, ctx, document);
    await index(services, ctx, document, total);
    await ctx.effect(
      step(document, 'complete'),
      async (tx) => (await setStatus(tx, document, 'completed')) || superseded(document.id),
    );
    ctx.progress({ step: 'completed', fraction: 1, completed_segments: total, total_segments: total });
    return { document_id: documentId, status: 'completed', segments: total };
  } catch (error) {
    if (error instanceof StaleOwnerError || ctx.signal.aborted) throw error;
    if (error instanceof SupersededError || (await isPointless(services, document)))
      return { document_id: documentId, status: 'skipped', segments: 0 };
    await fail(services, ctx, document, error);
    throw error;
  }
}

/** Whether nobody waits for this run any more, so that its errors are of no interest: its file may be gone, say. */
async function isPointless({ db }: TaskServices, document: IndexableDocument): Promise<boolean> {
  try {
    return !(await runStands(db, document));
  } catch {
    // the error that is being handled says more than this one
    return false;
  }
}

/** Steps belong to a generation: a dead letter that is retried meets a new one and does all of them again. */
const step = (document: IndexableDocument, name: string) => `generation ${document.generation}: ${name}`;

function superseded(documentId: string): never {
  throw new SupersededError(documentId);
}

async function begin(ctx: TaskContext, document: IndexableDocument): Promise<void> {
  await ctx.effect(step(document, 'begin'), async (tx) => {
    await setTask(tx, document, ctx.taskId);
    // a run that goes on after splitting does not go back to parsing
    if (document.status === 'indexing') return true;
    return (await setStatus(tx, document, 'parsing')) || superseded(document.id);
  });
  ctx.progress({ step: 'parsing', fraction: 0 });
}

/** Parses, cleans and splits into stored segments; returns their number. Skipped when that was done before. */
async function split(services: TaskServices, ctx: TaskContext, document: IndexableDocument): Promise<number> {
  if (document.status === 'indexing') return document.totalSegments;
  let stored = await storedSegments(services.db, document);
  const events = services.parser.parse({
    source: () => services.storage.open(document.storageKey),
    name: document.name,
    rule: document.processRule,
    limits: services.parseLimits,
    signal: ctx.signal,
    skipSegments: stored,
    ...(document.language === undefined ? {} : { language: document.language }),
  });
  for await (const event of events) {
    switch (event.type) {
      case 'metadata':
        await ctx.effect(step(document, 'metadata'), async (tx) => {
          await setMetadata(tx, document, event.metadata);
          return (await setStatus(tx, document, 'cleaning')) || superseded(document.id);
        });
        break;
      case 'segments': {
        const last = event.segments.at(-1)?.position ?? stored;
        await ctx.effect(step(document, `segments:${last}`), async (tx) => {
          if (!(await setStatus(tx, document, 'splitting'))) superseded(document.id);
          await insertSegments(tx, document, event.segments);
          return true;
        });
        stored = last;
        ctx.progress({ step: 'splitting', fraction: 0, total_segments: stored });
        break;
      }
      case 'done':
        if (event.segments === 0) throw emptyDocument();
        await ctx.effect(step(document, 'split'), async (tx) => {
          if (!(await setSplit(tx, document, event))) superseded(document.id);
          return event.segments;
        });
        return event.segments;
    }
  }
  throw new MillraceError({ code: 'parse_incomplete', message: 'The parser ended without its totals.' });
}

const emptyDocument = () =>
  new DocumentError({
    code: 'document_empty',
    message: 'The document has no text that could be indexed.',
    hint: 'If it shows text, that is a picture: run a text recognition over it first.',
  });

async function index(
  services: TaskServices,
  ctx: TaskContext,
  document: IndexableDocument,
  total: number,
): Promise<void> {
  const { db, embedder, vectors } = services;
  if (document.embedding && document.embedding.model !== embedder.model) throw otherModel(document, embedder.model);
  if (document.embedding) await vectors.ensureCollection(document.embedding.dimensions);
  const batch = document.embedding ? embedBatch : keywordBatch;
  // what this run has completed is not looked at again
  for (let after = 0; ; ) {
    ctx.signal.throwIfAborted();
    const segments = await waitingSegments(db, document, after, batch);
    const last = segments.at(-1);
    if (!last) return;
    after = last.position;
    const points = document.embedding ? await embed(services, ctx, document, segments) : [];
    await ctx.effect(step(document, `index:${last.position}`), async (tx) => {
      // first, so that a deleted document refuses before its vectors are written
      if (
        !(await completeSegments(
          tx,
          document,
          segments.map((segment) => segment.id),
        ))
      )
        superseded(document.id);
      for (let from = 0; from < points.length; from += maxUpsert)
        await vectors.upsert(points.slice(from, from + maxUpsert), tx);
      return true;
    });
    ctx.progress({
      step: 'indexing',
      fraction: last.position / total,
      completed_segments: last.position,
      total_segments: total,
    });
  }
}

/** Points of one upsert: hierarchical segments have many children. */
const maxUpsert = 500;

async function embed(
  { embedder }: TaskServices,
  ctx: TaskContext,
  document: IndexableDocument,
  segments: readonly WaitingSegment[],
): Promise<VectorPoint[]> {
  const scope = { tenantId: document.tenantId, datasetId: document.datasetId, documentId: document.id };
  const texts = segments.flatMap((segment) =>
    segment.children.length > 0
      ? segment.children.map((child) => ({
          id: child.id,
          segmentId: segment.id,
          childId: child.id,
          content: child.content,
        }))
      : [{ id: segment.id, segmentId: segment.id, content: segment.content }],
  );
  const embedded = await embedder.embed(
    texts.map((text) => text.content),
    { kind: 'document', signal: ctx.signal },
  );
  return texts.flatMap(({ content: _content, ...point }, place) => {
    const vector = embedded[place];
    // a text that the model sees nothing in (only symbols) has no direction; it is found by its words
    return vector?.some((value) => value !== 0) ? [{ ...scope, ...point, vector }] : [];
  });
}

const otherModel = (document: IndexableDocument, model: string) =>
  new PermanentError({
    code: 'embedding_model_changed',
    message: `The dataset was made with the embedding model ${document.embedding?.model}; this worker has ${model}.`,
    hint: 'Set the model that the dataset was made with, or make a new dataset.',
  });

/** What the person who uploaded it reads, and nothing half indexed left behind, unless another attempt follows. */
async function fail(
  services: TaskServices,
  ctx: TaskContext,
  document: IndexableDocument,
  error: unknown,
): Promise<void> {
  if (!(error instanceof PermanentError) && !ctx.lastAttempt) return;
  const code = error instanceof MillraceError ? error.code : 'indexing_failed';
  const message = error instanceof MillraceError ? sentence(error) : 'Indexing failed; the log of the worker says why.';
  await ctx.effect(step(document, 'fail'), (tx) => setFailed(tx, document, code, message));
  await deleteSegments(services.db, document.id, 'former', (tx, ids) =>
    deletePoints(services, document.tenantId, ids, tx),
  );
}

const sentence = (error: MillraceError) =>
  error.hint === undefined ? errorText(error) : `${error.message} ${error.hint}`;

/** Point ids removed in one call of the vector store. */
export async function deletePoints(
  { vectors }: TaskServices,
  tenantId: string,
  ids: readonly string[],
  tx: Parameters<TaskServices['vectors']['deletePoints']>[2],
): Promise<void> {
  for (let from = 0; from < ids.length; from += maxUpsert)
    await vectors.deletePoints(tenantId, ids.slice(from, from + maxUpsert), tx);
}
