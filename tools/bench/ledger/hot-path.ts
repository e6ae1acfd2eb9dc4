/** The statements of the hot path, by the very functions that a process runs, each explained. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../../worker/db/index.ts';
import { ledger, listTasks, noRates, readTask, removeFinished } from '../../../worker/runtime/index.ts';
import { refill } from '../../../worker/runtime/ledger/window.ts';
import { type Explained, explaining } from './explain.ts';
import { tenantId } from './fill.ts';

/** As many rows as groups of a busy process hold. */
const group = 50;
const page = 50;
const window = { size: 5000, isolatedPerTenant: 1, rates: noRates };
const owner = randomUUID();

export interface Statement extends Explained {
  /** What a process does with it. */
  readonly step: string;
  /** What this statement of the step is for. */
  readonly name: string;
  /** How often the step runs it; the slowest is told. */
  readonly times: number;
}

export interface Measured {
  readonly statements: readonly Statement[];
}

const newTask = (more: object = {}) => ({
  name: 'sample_noop',
  queue: 'fast_tasks' as const,
  tenantId,
  payload: '{}',
  ...more,
});

/** Statements by what only they say; the others of a step (a clock, a lock) read no table. */
const names: readonly (readonly [RegExp, string])[] = [
  [/insert into tasks_live/, 'insert'],
  [/delete from tasks_live where id = any .* in \(select id from ended/s, 'take it back if that id has ended'],
  [/t\.payload = r\.payload/, 'what stands under the id'],
  [/sum\(standing\)/, 'what stands in Redis'],
  [/recursive pairs/, 'who waits'],
  [/both_kinds/, 'rows in turn'],
  [/set status = 'QUEUED'/, 'mark as handed over'],
  [/set status = 'RUNNING'/, 'claim'],
  [/delete from tasks_live t using ended/, 'delete and insert'],
  [/relispartition/, 'days'],
  [/insert into tasks_finished_default/, 'keep rows of young flows'],
  [/^with walked as/, 'keys of effects'],
  [/delete from tasks_finished_default/, 'rows without a partition'],
  [/delete from flows/, 'flows'],
  [/^select/, 'select'],
];
const readsNothing = /now\(\) at time zone|pg_try_advisory/;

const nameOf = ({ text }: Explained): string | undefined =>
  readsNothing.test(text) ? undefined : names.find(([pattern]) => pattern.test(text.trim()))?.[1];

/** What of the ledger is looked for: the oldest row of the tenant that has ended, and one that waits. */
async function known(db: Database): Promise<{ finished: string; live: string }> {
  const [finished] = await db.query<{ id: string }>(
    `select id from tasks_finished where tenant_id = $1 and not dead_letter order by accepted_at, id limit 1`,
    [tenantId],
  );
  const [live] = await db.query<{ id: string }>('select id from tasks_live where tenant_id = $1 limit 1', [tenantId]);
  return { finished: finished?.id ?? randomUUID(), live: live?.id ?? randomUUID() };
}

/** Runs the hot path once; the rows that it makes end with it. Retention takes the oldest day away with its last step. */
export async function explainHotPath(db: Database): Promise<Measured> {
  const statements: Statement[] = [];
  const step = async <T>(name: string, run: (db: Database) => Promise<T>): Promise<T> => {
    const seen = explaining(db);
    const answer = await run(seen.db);
    for (const explained of seen.explained) {
      const what = nameOf(explained);
      if (what === undefined) continue;
      const same = statements.findIndex((one) => one.step === name && one.name === what);
      const before = statements[same];
      const slowest = before && before.medianMs > explained.medianMs ? before : explained;
      const statement = { ...slowest, step: name, name: what, times: (before?.times ?? 0) + 1 };
      if (before) statements[same] = statement;
      else statements.push(statement);
    }
    return answer;
  };
  const { finished, live } = await known(db);
  const accepted = await step(`accept ${group}`, (on) =>
    ledger.acceptTasks(
      on,
      Array.from({ length: group }, () => newTask({ handed: true })),
    ),
  );
  await step('accept one with its own id', (on) => on.tx((tx) => ledger.acceptTasks(tx, [newTask({ id: finished })])));
  const pull = {
    queue: 'fast_tasks',
    tenants: await tenantsInTurn(db),
    share: 2,
    most: group,
    owner,
    worker: 'bench',
  } as const;
  await step(`pull ${group}`, (on) => ledger.pullTasks(on, pull));
  await step('let in up to 2,500 (window)', (on) => refill(on, window, undefined));
  const ids = accepted.map(({ id }) => id);
  const claims = await step(`claim ${group}`, (on) => ledger.claimTasks(on, ids, owner, 'bench'));
  const ends = claims.flatMap((task) => (task ? [{ fence: task.fence, result: 'null' }] : []));
  await step(`end ${group}`, (on) => ledger.completeTasks(on, ends));
  await step('read by id, waiting', (on) => readTask(on, tenantId, live));
  await step('read by id, ended days ago', (on) => readTask(on, tenantId, finished));
  await step('list, newest first', (on) => listTasks(on, tenantId, {}, undefined, page));
  await step('list those that failed', (on) => listTasks(on, tenantId, { status: 'FAILED' }, undefined, page));
  await step('list by name', (on) => listTasks(on, tenantId, { name: 'sample_fail' }, undefined, page));
  const after = { acceptedAt: new Date(Date.now() - 2 * 86_400_000).toISOString(), id: finished };
  await step('list, a page of two days ago', (on) => listTasks(on, tenantId, {}, after, page));
  await step('list dead letters', (on) =>
    on.query(
      `select id from tasks_finished where tenant_id = $1 and dead_letter order by finished_at desc, id desc limit ${page}`,
      [tenantId],
    ),
  );
  const days = await oldestDay(db);
  await step('retention of a day', (on) => removeFinished(on, (days - 1) * 86_400));
  return { statements };
}

/** As many as a worker asks in one turn. */
async function tenantsInTurn(db: Database): Promise<string[]> {
  const rows = await db.query<{ id: string }>(`select distinct tenant_id as id from tasks_live limit ${group}`);
  return rows.map(({ id }) => id);
}

/** How many days ago the oldest partition begins: retention is to take that one. */
async function oldestDay(db: Database): Promise<number> {
  const [oldest] = await db.query<{ days: number | null }>(
    `select (now() at time zone 'utc')::date - min(substr(c.relname, 16)::date) as days
       from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = 'tasks_finished'::regclass and c.relname ~ '_[0-9]{8}$'`,
  );
  return Math.max(1, oldest?.days ?? 1);
}
