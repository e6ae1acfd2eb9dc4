/** All tasks there are. A new task is one new file and one line here. */
import { createRegistry, type RegisteredTask, type TaskRegistry } from '../runtime/index.ts';
import type { TaskServices } from '../services/task-services.ts';
import { cleanDataset } from './dataset/clean-dataset.ts';
import { cleanDocuments } from './dataset/clean-document.ts';
import { documentInIndex } from './dataset/document-in-index.ts';
import { documentIndexing } from './dataset/document-indexing.ts';
import { documentIndexingUpdate } from './dataset/document-indexing-update.ts';
import { duplicateDocumentIndexing } from './dataset/duplicate-document-indexing.ts';
import { recoverDocumentIndexing } from './dataset/recover-document-indexing.ts';
import { retryDocumentIndexing } from './dataset/retry-document-indexing.ts';
import { queueMonitor } from './ops-trace/queue-monitor.ts';
import { sampleTasks } from './sample/sample-tasks.ts';

const families: readonly ((services: TaskServices) => RegisteredTask | readonly RegisteredTask[])[] = [
  documentIndexing,
  duplicateDocumentIndexing,
  documentIndexingUpdate,
  retryDocumentIndexing,
  recoverDocumentIndexing,
  documentInIndex,
  cleanDocuments,
  cleanDataset,
  queueMonitor,
];

/** @throws StartError when the tasks do not fit together. */
export function createTasks(services: TaskServices, options: { readonly sampleTasks: boolean }): TaskRegistry {
  return createRegistry([
    ...families.flatMap((family) => family(services)),
    ...(options.sampleTasks ? sampleTasks : []),
  ]);
}
