/** From a stored file to a document whose indexing is accepted, in one transaction. */
import { randomInt } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { sqlState } from '../../db/index.ts';
import { type DatasetRow, readDataset } from '../../services/knowledge/datasets.ts';
import { insertDocument, readDocument } from '../../services/knowledge/documents.ts';
import type { ProcessRule } from '../../services/splitting/process-rule.ts';
import type { StoredFile } from '../../services/storage/storage.ts';
import type { ApiDeps } from '../deps.ts';
import { ApiError, datasetNotFound } from '../problems/api-error.ts';
import { surely } from '../surely.ts';
import type { DocumentCreatedJson } from '../types/knowledge.ts';
import { documentJson } from '../views/knowledge.ts';

const uniqueViolation = '23505';

export interface DocumentToMake {
  readonly id: string;
  readonly tenantId: string;
  readonly datasetId: string;
  readonly name: string;
  readonly source: 'upload_file' | 'text_input';
  readonly file: StoredFile;
  readonly processRule: ProcessRule;
  readonly language: string | undefined;
}

/** `20260131120000` and twelve digits, in the manner of Dify. */
function newBatch(): string {
  const stamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  return `${stamp}${randomInt(10 ** 11, 10 ** 12)}`;
}

/** The dataset, if documents indexed like this may come into it. @throws ApiError `dataset_not_found`, `indexing_technique_mismatch` */
export async function datasetFor(
  { db }: Pick<ApiDeps, 'db'>,
  tenantId: string,
  datasetId: string,
): Promise<DatasetRow> {
  const dataset = await readDataset(db, tenantId, datasetId);
  if (!dataset) throw datasetNotFound(datasetId);
  return dataset;
}

export function checkTechnique(dataset: DatasetRow, technique: DatasetRow['indexing_technique'] | undefined): void {
  if (technique === undefined || technique === dataset.indexing_technique) return;
  throw new ApiError({
    code: 'indexing_technique_mismatch',
    message: `The dataset is indexed as ${dataset.indexing_technique}; a document cannot come in as ${technique}.`,
    hint: 'Leave indexing_technique out, or make another dataset.',
  });
}

/**
 * Inserts the document together with its indexing task. The file is deleted again when nothing was accepted, and kept when
 * nobody can tell.
 */
export async function makeDocument(deps: ApiDeps, document: DocumentToMake): Promise<DocumentCreatedJson> {
  const { db, enqueuer, storage, log } = deps;
  const { id, tenantId, datasetId } = document;
  const taskId = uuidv7();
  const batch = newBatch();

  const write = (attempt: number) =>
    db.tx(async (tx) => {
      const known = attempt === 0 ? undefined : await readDocument(tx, tenantId, datasetId, id);
      if (!known) await insertDocument(tx, { ...document, batch, taskId });
      // after the insert, which waits for a deletion of the dataset that is under way
      if (!(await readDataset(tx, tenantId, datasetId))) throw datasetNotFound(datasetId);
      const payload = { tenant_id: tenantId, dataset_id: datasetId, document_ids: [id] };
      const { handOver } = await enqueuer.within(tx, [
        { task: 'document_indexing_task', payload, tenantId, options: { taskId } },
      ]);
      // read here, so that the answer needs no database after the commit
      const row = known ?? (await readDocument(tx, tenantId, datasetId, id));
      if (!row) throw new Error('the document just inserted is gone');
      return { row, handOver };
    });

  try {
    const { row, handOver } = await surely(write);
    void handOver();
    return { document: documentJson(row), batch, task_id: taskId };
  } catch (error) {
    const unknown = error instanceof ApiError && error.code === 'outcome_unknown';
    // 23505: a try that was thought lost came through in the end
    if (!unknown && sqlState(error) !== uniqueViolation) {
      await storage.delete(document.file.key).catch((cause: unknown) => {
        log.warn({ err: cause, key: document.file.key }, 'the file of a refused document was not deleted');
      });
    }
    throw error;
  }
}
