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
/** After the drain what is open is looked at once more, for so long at most. */
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

/** What is asked of the API here. */
export type Asked = Pick<Client, 'task' | 'tasks' | 'why'>;

export interface Drain {
  readonly client: Asked;
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
  const lastLook = deadline + lastLooksMs;
  const listed = { client, account, task, rows: maxRows(ids.length), until: lastLook };
  const open = new Set(ids);
  const unknown = new Set<string>();
  while (open.size > singly && Date.now() < deadline) {
    // what was sent last ends late: until then the list would tell little, and reading it costs who is measured
    const left = [...open];
    await client.task(left.at(-1) ?? '', (deadline - Date.now()) / 1000);
    await settleListed(open, listed);
    if (open.size > singly) await pause(pauseSeconds);
  }
  // those that ended while the list was read for the last time
  if (open.size > singly) await settleListed(open, listed);
  const queue = [...open];
  await Promise.all(
    Array.from({ length: askers }, async () => {
      while (Date.now() < lastLook) {
        const id = queue.shift();
        if (id === undefined) return;
        const end = await endOf(client, id, deadline);
        if (end === undefined) unknown.add(id);
        else if (end !== 'open' && account.settle(end)) open.delete(id);
      }
    }),
  );
  metrics.lost.add(open.size);
  if (open.size > 0) await tellLost({ client, open, unknown, unseen: queue.length, seconds });
}

/** Tasks of others may stand between ours: twice as many are looked at before the next look begins anew. */
const maxRows = (sent: number) => 2 * sent + 1000;

interface Listed {
  readonly client: Asked;
  readonly account: Account;
  readonly task: string | undefined;
  /** So many are looked at. */
  readonly rows: number;
  /** No page is asked for later, ms since 1970. */
  readonly until: number;
}

/** Reads the list until it has shown as many of `open` as there are, or it is over. */
async function settleListed(open: Set<string>, { client, account, task, rows, until }: Listed): Promise<void> {
  const filter = task === undefined ? '' : `&task=${task}`;
  let cursor: string | null = null;
  for (let looked = 0; looked < rows && Date.now() < until; ) {
    const page = await client.tasks(filter, cursor);
    if (page === 'away') return;
    for (const row of page.tasks) if (open.has(row.task_id) && account.settle(row)) open.delete(row.task_id);
    looked += page.tasks.length;
    cursor = page.next_cursor;
    if (cursor === null || open.size === 0) return;
  }
}

/** The task with its end; `open` when it has none by the deadline; undefined when the ledger does not know it. */
async function endOf(client: Asked, id: string, deadline: number): Promise<TaskJson | 'open' | undefined> {
  for (;;) {
    const leftSeconds = (deadline - Date.now()) / 1000;
    const task = await client.task(id, leftSeconds);
    if (task === undefined) return undefined;
    if (task !== 'away' && ends.has(task.status)) return task;
    if (leftSeconds <= 0) return 'open';
    if (task === 'away') await pause(Math.min(pauseSeconds, leftSeconds));
  }
}

interface Lost {
  readonly client: Asked;
  readonly open: ReadonlySet<string>;
  /** Of those, unknown to the ledger. */
  readonly unknown: ReadonlySet<string>;
  /** Of those, how many no look came to in time: they may have ended. */
  readonly unseen: number;
  readonly seconds: number;
}

async function tellLost({ client, open, unknown, unseen, seconds }: Lost): Promise<void> {
  const waiting = [...open].find((id) => !unknown.has(id));
  const why = waiting === undefined ? '' : await client.why(waiting);
  console.error(
    `${open.size} accepted tasks have no end after a drain of ${seconds} s; the ledger does not know ${unknown.size} of them.` +
      (unseen === 0 ? '' : ` There was no time to look at ${unseen} of them: raise LOADTEST_DRAIN_SECONDS.`) +
      (why === '' ? '' : ` Of one that it knows, ${waiting}: ${why}`),
  );
}
