/** Queues that stand over their threshold, kept so that each is told of once when it begins and once when it ends. */
import type { Queryable } from '../db/index.ts';

/** What stands in a queue. */
export interface Backlog {
  readonly queue: string;
  readonly waiting: number;
  /** Of the oldest that is due and waits. */
  readonly oldestSeconds: number;
  /** Live processes that take from it. */
  readonly consumers: number;
}

export interface AlertChanges {
  /** Over, and not so before. */
  readonly raised: string[];
  /** No longer over. */
  readonly ended: string[];
}

/** Writes down which queues are over, and returns what is new of it. */
export async function noteQueueAlerts(tx: Queryable, over: readonly Backlog[]): Promise<AlertChanges> {
  const known = await tx.query<{ queue: string }>('select queue from queue_alerts order by queue for update');
  const before = new Set(known.map(({ queue }) => queue));
  const now = new Set(over.map(({ queue }) => queue));
  await tx.query(
    `insert into queue_alerts (queue, waiting, oldest_seconds, consumers)
     select queue, waiting, "oldestSeconds", consumers
       from jsonb_to_recordset($1::jsonb) as r (queue text, waiting bigint, "oldestSeconds" float8, consumers integer)
     on conflict (queue) do update
        set waiting = excluded.waiting, oldest_seconds = excluded.oldest_seconds, consumers = excluded.consumers, seen_at = now()`,
    [JSON.stringify(over)],
  );
  const ended = [...before].filter((queue) => !now.has(queue));
  await tx.query('delete from queue_alerts where queue = any ($1::text[])', [ended]);
  return { raised: [...now].filter((queue) => !before.has(queue)), ended };
}
