/** How fast documents get searchable: half of them as text, half as files in forms. */
import { metricNames } from '../report/names.ts';
import { sampleDocument } from '../sample-text.ts';
import { indexDocuments, makeDataset, removeDataset } from './documents.ts';
import type { Scenario } from './scenario.ts';
import { once } from './sending.ts';

const defaultDocuments = 20;
const defaultSenders = 4;
const characters = 8000;
/** Of answers to documents, which are stored before they are answered for. */
const enqueueP95Ms = 5000;

export const indexing: Scenario = {
  name: 'indexing',
  describe: (settings) =>
    `${settings.size('LOADTEST_DOCUMENTS', defaultDocuments)} documents of ${characters} characters, every second as a file, from ` +
    `${settings.size('LOADTEST_SENDERS', defaultSenders)} senders`,
  needsSampleTasks: false,
  execution: once,
  thresholds: () => ({ [metricNames.enqueue]: [`p(95)<=${enqueueP95Ms}`] }),
  prepare: makeDataset,
  async run(run) {
    const count = run.settings.size('LOADTEST_DOCUMENTS', defaultDocuments);
    const documents = Array.from({ length: count }, (_, n) => sampleDocument(n, characters, n % 2 === 1));
    await indexDocuments(run, documents, run.settings.size('LOADTEST_SENDERS', defaultSenders));
  },
  clean: removeDataset,
};
