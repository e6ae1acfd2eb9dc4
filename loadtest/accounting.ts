/** What became of the tasks that were accepted: every one is looked up in the ledger, by way of the API. */
import type { Client, TaskJson } from './client.ts';
import * as metrics from './metrics.ts';
import { pause } from './pause.ts';
import { chartSeconds } from './report/names.ts';

const ends: ReadonlySet<string> = new Set(['COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED', 'EXPIRED']);
/** Up to so many are asked for one by one, with a `wait` that ends with the task; more by pages of the list. */
const singly = 400;
/** Asked for side by side. */
const askers = 8;
/** After the drain each that is open is looked at once more; so long, should the API be away. */
const lastLooksMs = 30_000;
/** Between two looks at the list, and after an answer that was none. */
const pauseSeconds = 1;

const ms = (time: string) => Date.parse(time);

/** Keeps the figures of what ended. `runStartedMs`: the run's beginning by the ledger's clock, ms since 1970. */
export class Account {
  readonly #runStartedMs: number;
  #firstAcceptedMs = Number.POSITIVE_INFINITY;
  #firstStartedMs = Number.POSITIVE_INFINITY;
  #lastFinishedMs = Number.NEGATIVE_INFINITY;
  #ended = 0;

  constructor(runStartedMs: number) {
    this.#runStartedMs = runStartedMs;
  }

  /** @returns false when the task has not ended yet: nothing is kept then. */
  settle(task: TaskJson): boolean {
    if (!ends.has(task.status) || task.finished_at === null) return false;
    const [acceptedMs, finishedMs] = [ms(task.accepted_at), ms(task.finished_at)];
    // what ended without a run, cancelled say, has waited and was not served
    const startedMs = task.started_at === null ? finishedMs : ms(task.started_at);
    metrics.queueWait.add(startedMs - acceptedMs);
    if (task.started_at !== null) metrics.service.add(finishedMs - startedMs);
    metrics.endToEnd.add(finishedMs - acceptedMs);
    metrics.acceptedAt.add(1, { second: this.#second(acceptedMs) });
    metrics.endedAt.add(1, { second: this.#second(finishedMs) });
    metrics.firstAccepted.add(acceptedMs - this.#runStartedMs);
    metrics.lastFinished.add(finishedMs - this.#runStartedMs);
    this.#firstAcceptedMs = Math.min(this.#firstAcceptedMs, acceptedMs);
    this.#firstStartedMs = Math.min(this.#firstStartedMs, startedMs);
    this.#lastFinishedMs = Math.max(this.#lastFinishedMs, finishedMs);
    this.#ended += 1;
    if (task.status === 'COMPLETED') metrics.completed.add(1);
    else {
      metrics.failed.add(1);
      console.error(`task ${task.task_id} ended as ${task.status}: ${task.error?.message ?? 'no reason was kept'}`);
    }
    return true;
  }

  /** Tasks that ended a second, from the first acceptance, or from the first claim, to the last end. */
  perSecond(from: 'accepted' | 'started'): number {
    const first = from === 'accepted' ? this.#firstAcceptedMs : this.#firstStartedMs;
    const milliseconds = this.#lastFinishedMs - first;
    return this.#ended === 0 || milliseconds <= 0 ? 0 : (this.#ended * 1000) / milliseconds;
  }

  #second(timeMs: number): string {
    return String(Math.max(0, Math.min(chartSeconds - 1, Math.floor((timeMs - this.#runStartedMs) / 1000))));
  }
}

export interface Drain {
  readonly client: Client;
  readonly account: Account;
  /** Ids of all that was accepted. */
  readonly ids: readonly string[];
  /** Name of the task, where all have the same: the list is read by it. */
  readonly task?: string;
  readonly seconds: number;
}

/** Waits, bounded, until all have ended; what has not by then is lost, and the log says why one of them has not. */
export async function drain({ client, account, ids, task, seconds }: Drain): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  const open = new Set(ids);
  const unknown = new Set<string>();
  while (open.size > singly && Date.now() < deadline) {
    // what was sent last ends late: until then the list would tell little, and reading it costs who is measured
    const left = [...open];
    await client.task(left.at(-1) ?? '', (deadline - Date.now()) / 1000);
    await settleListed(client, account, open, task, ids.length);
    if (open.size > singly) await pause(pauseSeconds);
  }
  // those that ended while the list was read for the last time
  if (open.size > singly) await settleListed(client, account, open, task, ids.length);
  const queue = [...open];
  await Promise.all(
    Array.from({ length: askers }, async () => {
      for (let id = queue.shift(); id !== undefined && Date.now() < deadline + lastLooksMs; id = queue.shift()) {
        const end = await endOf(client, id, deadline);
        if (end === undefined) unknown.add(id);
        else if (end !== 'open' && account.settle(end)) open.delete(id);
      }
    }),
  );
  metrics.lost.add(open.size);
  if (open.size > 0) await tellLost(client, open, unknown, seconds);
}

/** Reads the list until it has shown as many of `open` as there are, or it is over. */
async function settleListed(
  client: Client,
  account: Account,
  open: Set<string>,
  task: string | undefined,
  sent: number,
): Promise<void> {
  const filter = task === undefined ? '' : `&task=${task}`;
  let cursor: string | null = null;
  // tasks of others may stand between ours: twice as many are looked at before the next look begins anew
  for (let looked = 0; looked < 2 * sent + 1000; ) {
    const page = await client.tasks(filter, cursor);
    if (page === 'away') return;
    for (const row of page.tasks) if (open.has(row.task_id) && account.settle(row)) open.delete(row.task_id);
    looked += page.tasks.length;
    cursor = page.next_cursor;
    if (cursor === null || open.size === 0) return;
  }
}

/** The task with its end; `open` when it has none by the deadline; undefined when the ledger does not know it. */
async function endOf(client: Client, id: string, deadline: number): Promise<TaskJson | 'open' | undefined> {
  for (;;) {
    const leftSeconds = (deadline - Date.now()) / 1000;
    const task = await client.task(id, leftSeconds);
    if (task === undefined) return undefined;
    if (task !== 'away' && ends.has(task.status)) return task;
    if (leftSeconds <= 0) return 'open';
    if (task === 'away') await pause(Math.min(pauseSeconds, leftSeconds));
  }
}

async function tellLost(client: Client, open: ReadonlySet<string>, unknown: ReadonlySet<string>, seconds: number) {
  const waiting = [...open].find((id) => !unknown.has(id));
  const why = waiting === undefined ? '' : await client.why(waiting);
  console.error(
    `${open.size} accepted tasks have no end after a drain of ${seconds} s; the ledger does not know ${unknown.size} of them.` +
      (why === '' ? '' : ` Of one that it knows, ${waiting}: ${why}`),
  );
}
