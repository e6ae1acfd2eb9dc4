/**
 * What is measured, under the names that thresholds and reports use.
 *
 * `enqueue` is how long the sender waits for the 202, by k6's own clock. The other three are differences of times that
 * Postgres wrote into the ledger (`accepted_at`, `started_at`, `finished_at`): one clock, whatever clocks the sender,
 * the API and the workers have. `accepted_at` is the start of the transaction that accepts the task.
 */
import { Counter, Gauge, Trend } from 'k6/metrics';
import { metricNames as names } from './report/names.ts';

/** From the first byte sent to the answer 202, tries and pauses between them included; one sample a request. */
export const enqueue = new Trend(names.enqueue, true);
/** `started_at - accepted_at`: from accepted to the first claim by a worker. */
export const queueWait = new Trend(names.queueWait, true);
/** `finished_at - started_at`: from the first claim to the end being written, retries between them included. */
export const service = new Trend(names.service, true);
/** `finished_at - accepted_at`. */
export const endToEnd = new Trend(names.endToEnd, true);

/** Tasks answered with 202 (documents: 200 with a task). */
export const accepted = new Counter(names.accepted);
/** Of those: ended as COMPLETED. */
export const completed = new Counter(names.completed);
/** Of those: ended otherwise. */
export const failed = new Counter(names.failed);
/** Of those: without an end when the drain was over, or unknown to the ledger. */
export const lost = new Counter(names.lost);
/** Tasks that the API did not accept, also when they were sent again. They count as nothing else. */
export const refused = new Counter(names.refused);

/** Tasks that ended a second, over the whole run, by the ledger's clock. Of scenarios whose sender knows all tasks. */
export const throughput = new Gauge(names.throughput);

/** Accepted and ended tasks by second of the run (tag `second`), by the ledger's clock: for the chart over time. */
export const acceptedAt = new Counter(names.acceptedAt);
export const endedAt = new Counter(names.endedAt);

/** The least of the first and the greatest of the second tell from when to when, in ms since the run began by the ledger's clock. */
export const firstAccepted = new Gauge(names.firstAccepted, true);
export const lastFinished = new Gauge(names.lastFinished, true);
/** Worker processes that were alive when the run began. */
export const workers = new Gauge(names.workers);

/** A threshold on a metric without a sample is not looked at: each counter gets one. */
export function beginAtNought(): void {
  for (const counter of [accepted, completed, failed, lost, refused]) counter.add(0);
}
