/** What `smoke` and `indexing` share: a dataset of their own, documents into it, all of it removed in the end. */

import { Account, drain } from '../accounting.ts';
import * as metrics from '../metrics.ts';
import type { NewDocument } from '../sample-text.ts';
import type { Prepared, Run, Scenario } from './scenario.ts';

/** Documents take a parser, an embedding model, a database: longer than a task that does nothing. */
export async function makeDataset({ client, settings }: Omit<Run, 'prepared'>): Promise<Prepared> {
  const { workers } = await client.get<{ workers: readonly unknown[] }>('/v1/workers', 'list workers');
  metrics.workers.add(workers.length);
  const name = `k6 ${settings.scenario} ${new Date().toISOString()} ${Math.floor(Math.random() * 1e6)}`;
  const { id, created_at } = await client.post<{ id: string; created_at: number }>('/v1/datasets', { name }, 'dataset');
  return { datasetId: id, startedMs: created_at * 1000 };
}

/** Adds documents by senders side by side, then waits for the ends of their tasks. */
export async function indexDocuments(
  { client, settings, prepared }: Run,
  documents: readonly NewDocument[],
  senders: number,
): Promise<void> {
  const account = new Account(prepared.startedMs);
  const waiting = [...documents];
  const ids: string[] = [];
  await Promise.all(
    Array.from({ length: senders }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { taskId, milliseconds } = await client.addDocument(datasetOf(prepared), next);
        if (taskId === undefined) {
          metrics.refused.add(1);
          continue;
        }
        metrics.enqueue.add(milliseconds);
        metrics.accepted.add(1);
        ids.push(taskId);
      }
    }),
  );
  await drain({ client, account, ids, seconds: settings.number('LOADTEST_DRAIN_SECONDS') });
  metrics.throughput.add(account.perSecond('accepted'));
}

export function datasetOf({ datasetId }: Prepared): string {
  if (datasetId === undefined) throw new Error('a scenario with documents was prepared without a dataset');
  return datasetId;
}

export const removeDataset: Required<Scenario>['clean'] = ({ client, prepared }) =>
  client.delete(`/v1/datasets/${datasetOf(prepared)}`, 'remove dataset');
