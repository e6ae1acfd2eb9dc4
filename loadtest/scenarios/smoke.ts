/** Does it work at all? A few texts are indexed and found again. */
import { check } from 'k6';
import { metricNames } from '../report/names.ts';
import { sampleDocument, telltale } from '../sample-text.ts';
import { datasetOf, indexDocuments, makeDataset, removeDataset } from './documents.ts';
import type { Scenario } from './scenario.ts';
import { once } from './sending.ts';

const defaultDocuments = 5;
const defaultSenders = 2;
const characters = 600;
/** The first embedding of a process loads its model; nothing faster is promised here. */
const endToEndMs = 120_000;

export const smoke: Scenario = {
  name: 'smoke',
  describe: (settings) =>
    `${settings.size('LOADTEST_DOCUMENTS', defaultDocuments)} documents by text, indexed, then searched for`,
  needsSampleTasks: false,
  execution: once,
  thresholds: () => ({ [metricNames.endToEnd]: [`max<=${endToEndMs}`], checks: ['rate==1'] }),
  prepare: makeDataset,
  async run(run) {
    const count = run.settings.size('LOADTEST_DOCUMENTS', defaultDocuments);
    const documents = Array.from({ length: count }, (_, n) => sampleDocument(n, characters));
    await indexDocuments(run, documents, run.settings.size('LOADTEST_SENDERS', defaultSenders));
    const { records } = await run.client.post<{ records: readonly { segment: { content: string } }[] }>(
      `/v1/datasets/${datasetOf(run.prepared)}/retrieve`,
      { query: telltale(0), retrieval_model: { search_method: 'hybrid_search', top_k: 3 } },
      'search',
    );
    check(records, { 'a document is found by its own words': (found) => found.some(holdsFirst) });
  },
  clean: removeDataset,
};

const holdsFirst = ({ segment }: { segment: { content: string } }) => segment.content.includes(telltale(0));
