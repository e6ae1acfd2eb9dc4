/** `millrace demo`: the main job once, on the sample documents, end to end through the API of an embedded Millrace. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import type { Output } from './command-line.ts';
import { showProgress } from './document-bars.ts';
import { startEmbedded } from './embedded-process.ts';
import { type ApiClient, createApiClient } from './http.ts';
import { table } from './table.ts';

const samples = fileURLToPath(new URL('../../test/fixtures/documents/', import.meta.url));
const notDocuments = new Set(['questions.json', 'README.md', '.gitattributes']);
const pollMs = 200;
/** The 300 pages take most of it: about 20 segments a second and core with the embedded model. */
const indexingTimeoutMs = 600_000;

const questionsSchema = z.array(
  z.object({ question: z.string(), document: z.string(), expect: z.string(), demo: z.boolean().optional() }),
);
const createdSchema = z.object({ document: z.object({ id: z.string(), name: z.string() }) });
const documentsSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      indexing_status: z.string(),
      error: z.string().nullable(),
      completed_segments: z.number(),
      total_segments: z.number(),
      doc_metadata: z.object({ pages: z.number().optional() }),
      created_at: z.number(),
      updated_at: z.number(),
    }),
  ),
});
const retrievedSchema = z.object({
  records: z.array(
    z.object({
      score: z.number(),
      segment: z.object({
        content: z.string(),
        page: z.number().nullable(),
        document: z.object({ name: z.string() }),
      }),
    }),
  ),
});

type Documents = z.output<typeof documentsSchema>['data'];

/** @returns the exit code: 0 when every question was answered from the document that answers it. */
export async function demo(output: Output = process.stdout): Promise<number> {
  const home = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
  const say = (text = '') => output.write(`${text}\n`);
  try {
    say('Starting an embedded Millrace on a temporary folder …');
    const startedAt = Date.now();
    const millrace = await startEmbedded(home, {
      LOG_LEVEL: 'WARNING',
      MILLRACE_EMBEDDING_THREADS: String(Math.min(2, availableParallelism())),
    });
    try {
      say(`Ready in ${seconds(startedAt)} s at ${millrace.url}`);
      const client = createApiClient(millrace.url, millrace.apiKey);
      const datasetId = await createDataset(client);
      const indexedAt = Date.now();
      const documents = await indexSamples(client, datasetId, output);
      say();
      say(summary(documents, indexedAt));
      say();
      return await ask(client, datasetId, say);
    } finally {
      await millrace.stop();
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

const seconds = (since: number) => ((Date.now() - since) / 1000).toFixed(1);

async function createDataset(client: ApiClient): Promise<string> {
  const dataset = z.object({ id: z.string() }).parse(await client.post('/v1/datasets', { name: 'Sample documents' }));
  return dataset.id;
}

async function indexSamples(client: ApiClient, datasetId: string, output: Output): Promise<Documents> {
  const files = (await readdir(samples)).filter((name) => !notDocuments.has(name)).sort();
  output.write(`Indexing ${files.length} documents\n`);
  for (const name of files) {
    const answer = await client.upload(
      `/v1/datasets/${datasetId}/document/create-by-file`,
      {},
      { name, content: await readFile(join(samples, name)) },
    );
    createdSchema.parse(answer);
  }
  const progress = showProgress(output);
  const deadline = Date.now() + indexingTimeoutMs;
  try {
    for (;;) {
      const documents = documentsSchema.parse(await client.get(`/v1/datasets/${datasetId}/documents?limit=100`)).data;
      documents.reverse();
      progress.update(
        documents.map((document) => ({
          id: document.id,
          name: document.name,
          status: document.indexing_status,
          completed: document.completed_segments,
          total: document.total_segments,
        })),
      );
      const failed = documents.find((document) => document.indexing_status === 'error');
      if (failed) throw new MillraceError({ code: 'demo_document_failed', message: `${failed.name}: ${failed.error}` });
      if (documents.every((document) => document.indexing_status === 'completed')) return documents;
      if (Date.now() > deadline) {
        throw new MillraceError({
          code: 'demo_too_slow',
          message: `Indexing took longer than ${indexingTimeoutMs / 1000} s.`,
        });
      }
      await wait(pollMs);
    }
  } finally {
    progress.stop();
  }
}

function summary(documents: Documents, indexedAt: number): string {
  const rows = documents.map((document) => [
    document.name,
    document.doc_metadata.pages ?? '',
    document.total_segments,
    `${document.updated_at - document.created_at} s`,
  ]);
  const pages = documents.reduce((sum, document) => sum + (document.doc_metadata.pages ?? 0), 0);
  const segments = documents.reduce((sum, document) => sum + document.total_segments, 0);
  return table(
    ['document', 'pages', 'segments', 'accepted to searchable'],
    [...rows, ['all together', pages, segments, `${seconds(indexedAt)} s`]],
  );
}

/** Longest part of a segment that is printed. */
const excerptChars = 160;

async function ask(client: ApiClient, datasetId: string, say: (text?: string) => void): Promise<number> {
  const questions = questionsSchema.parse(JSON.parse(await readFile(join(samples, 'questions.json'), 'utf8')));
  let wrong = 0;
  for (const { question, document, expect } of questions.filter((entry) => entry.demo)) {
    const answer = retrievedSchema.parse(
      await client.post(`/v1/datasets/${datasetId}/retrieve`, {
        query: question,
        retrieval_model: { search_method: 'semantic_search', top_k: 1 },
      }),
    );
    const best = answer.records[0];
    say(`? ${question}`);
    if (!best) {
      say('  no answer');
      wrong += 1;
      continue;
    }
    const { segment, score } = best;
    say(`  ${excerpt(segment.content, expect)}`);
    say(
      `  score ${score.toFixed(3)}, ${segment.document.name}${segment.page === null ? '' : `, page ${segment.page}`}`,
    );
    if (segment.document.name === document) continue;
    say(`  WRONG: the answer is in ${document}`);
    wrong += 1;
  }
  if (wrong > 0) say(`\n${wrong} of the questions were not answered from the right document.`);
  return wrong === 0 ? 0 : 1;
}

/** The part of a segment around what answers the question, else its beginning. */
function excerpt(content: string, expect: string): string {
  const flat = content.replace(/\s+/g, ' ');
  const found = Math.max(0, flat.indexOf(expect));
  const from = Math.max(0, Math.min(found - 40, flat.length - excerptChars));
  return `${from > 0 ? '…' : ''}${flat.slice(from, from + excerptChars)}${from + excerptChars < flat.length ? '…' : ''}`;
}
