/** `millrace index`: files into a dataset, and their indexing watched until all can be searched. */
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { DocumentCreatedJson, DocumentJson } from '../../api/types/knowledge.ts';
import { errorText } from '../../errors.ts';
import { type ApiOptions, apiCommand, type CommandLine, type Register } from '../command-line.ts';
import { type Dataset, datasetNamed } from '../datasets.ts';
import { showProgress } from '../document-bars.ts';
import { CommandError, exitCode } from '../exit-codes.ts';
import type { ApiClient } from '../http.ts';
import { part, seconds } from '../options.ts';
import { Patience } from '../patience.ts';
import { table } from '../table.ts';

interface Options extends ApiOptions {
  readonly dataset: string;
  /** False with `--no-wait`. */
  readonly wait: boolean;
  readonly timeout: number;
}

const pollMs = 300;
/** Documents that are asked for at once, the first that are not settled: they are indexed in about this order. */
const maxAsked = 20;
const settled: ReadonlySet<string> = new Set(['completed', 'error', 'paused']);

export const registerIndex: Register = (program, cli) => {
  apiCommand(program, 'index', 'index files into a dataset, so that they can be asked')
    .argument('<files...>', 'of any format that is read (docs/guides/indexing.md)')
    .option('--dataset <name or id>', 'where to; a name that is not there is made', 'documents')
    .option('--no-wait', 'do not wait until they can be searched')
    .option('--timeout <seconds>', 'wait no longer than this', seconds, 3600)
    .action(async (files: string[], options: Options) => {
      const client = await cli.connect(options);
      // all of them first: a name that is mistyped uploads nothing
      const contents = await Promise.all(
        files.map(async (path) => ({ name: basename(path), content: await open(path) })),
      );
      const dataset = await datasetNamed(client, options.dataset, { make: true });
      const sent: DocumentJson[] = [];
      try {
        for (const file of contents) {
          const path = `/v1/datasets/${dataset.id}/document/create-by-file`;
          sent.push((await client.upload<DocumentCreatedJson>(path, {}, file)).document);
        }
      } catch (error) {
        const names = sent.map(({ name }) => name).join(', ');
        if (sent.length > 0) cli.note(`Sent before one was refused, and being indexed: ${names}`);
        throw error;
      }
      const documents = options.wait ? await indexed(cli, client, dataset, sent, options) : sent;
      if (options.json) cli.printJson({ dataset, documents });
      else cli.printTable(summary(documents));
      endAs(cli, documents, options);
    });
};

function endAs(cli: CommandLine, documents: readonly DocumentJson[], { wait: waited }: Options): void {
  if (!waited) return;
  const statuses = documents.map(({ indexing_status }) => indexing_status);
  if (cli.interrupted) cli.endWith(exitCode.interrupted);
  else if (statuses.some((status) => !settled.has(status))) cli.endWith(exitCode.late);
  else if (statuses.some((status) => status !== 'completed')) cli.endWith(exitCode.failed);
}

async function open(path: string): Promise<Blob> {
  try {
    const blob = await openAsBlob(path);
    // a folder opens, and fails when it is read
    await blob.slice(0, 1).arrayBuffer();
    return blob;
  } catch (cause) {
    throw new CommandError({
      code: 'file_unreadable',
      message: `The file ${path} cannot be read: ${errorText(cause)}. Nothing was sent.`,
      exitCode: exitCode.usage,
    });
  }
}

/** The documents once all have settled, or as they are when the time is over or somebody interrupts. The API may go away for a minute. */
async function indexed(
  cli: CommandLine,
  client: ApiClient,
  dataset: Dataset,
  sent: readonly DocumentJson[],
  { timeout, json }: Options,
): Promise<DocumentJson[]> {
  const signal = cli.interruption();
  const deadline = Date.now() + timeout * 1000;
  const progress = json ? undefined : showProgress(cli.output);
  const patience = new Patience();
  let documents = [...sent];
  const look = async () => {
    const open = documents.filter(({ indexing_status }) => !settled.has(indexing_status)).slice(0, maxAsked);
    const path = (id: string) => `/v1/datasets/${dataset.id}/documents/${part(id)}`;
    const asked = await Promise.all(open.map(({ id }) => client.get<DocumentJson>(path(id), { signal })));
    const known = new Map(asked.map((document) => [document.id, document]));
    documents = documents.map((document) => known.get(document.id) ?? document);
  };
  try {
    for (;;) {
      await patience.tried(look, signal);
      progress?.update(
        documents.map(({ id, name, indexing_status, completed_segments, total_segments }) => ({
          id,
          name,
          status: indexing_status,
          completed: completed_segments,
          total: total_segments,
        })),
      );
      if (documents.every(({ indexing_status }) => settled.has(indexing_status))) return documents;
      if (signal.aborted || Date.now() >= deadline) return documents;
      await wait(pollMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    progress?.stop();
  }
}

const summary = (documents: readonly DocumentJson[]): string =>
  table(
    ['document', 'status', 'segments', 'error'],
    documents.map(({ name, indexing_status, total_segments, error_code, error }) => [
      name,
      indexing_status,
      total_segments,
      error_code === null ? '' : `${error_code}: ${error}`,
    ]),
  );
