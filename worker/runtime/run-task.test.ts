/** What follows the end of an attempt: which ends count, which are final. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import type { Database } from '../db/index.ts';
import { PermanentError } from '../errors.ts';
import { createLogger } from '../telemetry/logger.ts';
import { defineTask } from './define-task.ts';
import type { Ended, Executor } from './execution/executor.ts';
import { TimeLimitError } from './execution/reasons.ts';
import { Leases } from './leases.ts';
import { type Completion, completeTasks } from './ledger/finish.ts';
import { noLive } from './live/index.ts';
import { fixedDelay } from './retry.ts';
import { runTask } from './run-task.ts';
import type { RegisteredTask } from './task.ts';
import { claim, openLedger, rowOf, runningTask } from './testing/ledger.ts';

const log = createLogger({ level: 'fatal' });
const task = defineTask({
  name: 'noted',
  queue: 'fast_tasks',
  description: 'Of a test.',
  retry: { retries: 3, delaySeconds: fixedDelay(0), jitter: 0 },
  payload: z.strictObject({}),
  handle: async () => undefined,
});

let db: Database;
let leases: Leases;
beforeAll(async () => {
  db = await openLedger();
  leases = new Leases(db, '0190a7c2-0000-7000-8000-000000000001', log);
}, 60_000);
afterAll(async () => {
  await leases.stop();
  await db.close();
});

/** Runs attempts that end so, until the ledger lets nobody claim the row; returns the outcomes and the row. */
const attempts = (...ends: Ended[]) => attemptsOf(task, ...ends);

async function attemptsOf(task: RegisteredTask, ...ends: Ended[]) {
  const { fence } = await runningTask(db);
  await db.query(`update tasks_live set status = 'PENDING', epoch = 0, attempts = 0 where id = $1`, [fence.id]);
  const outcomes: string[] = [];
  for (const ended of ends) {
    const claimed = await claim(db, fence.id);
    if (!claimed) break;
    const executor: Executor = { run: async () => ended, close: async () => undefined };
    const complete = async (end: Completion) => (await completeTasks(db, [end]))[0] ?? false;
    const deps = { db, executor, leases, complete, live: noLive, log, draining: new AbortController().signal };
    outcomes.push(await runTask(deps, task, claimed));
  }
  return { outcomes, row: await rowOf(db, fence.id) };
}
const fails: Ended = { error: new Error('it went wrong') };

it('should make four attempts of three retries, and then keep a dead letter', async () => {
  const { outcomes, row } = await attempts(fails, fails, fails, fails, fails);
  expect(outcomes).toEqual(['retrying', 'retrying', 'retrying', 'failed']);
  expect(row).toMatchObject({ status: 'FAILED', attempts: 4, dead_letter: true });
  expect(row.error_history.map(({ attempt }) => attempt)).toEqual([0, 1, 2, 3]);
});

it('should end for good what no retry mends, and what was over its time limit', async () => {
  const permanent = await attempts({ error: new PermanentError({ code: 'hopeless', message: 'No.' }) }, fails);
  expect(permanent.row).toMatchObject({ status: 'FAILED', attempts: 1, dead_letter: true });
  const late = await attempts({ error: new TimeLimitError('noted', 1) }, fails);
  expect(late.outcomes).toEqual(['timed_out']);
  expect(late.row).toMatchObject({ status: 'TIMED_OUT', attempts: 1, dead_letter: true });
});

it('should count what was over its time limit as an attempt of a task whose policy retries it, and raise its epoch', async () => {
  const patient = { ...task, retry: { ...task.retry, retries: 1, timeouts: true } };
  const late: Ended = { error: new TimeLimitError('noted', 1) };
  const spent = await attemptsOf(patient, late, late, late);
  expect(spent.outcomes).toEqual(['retrying', 'timed_out']);
  // two claims and two passed limits
  expect(spent.row).toMatchObject({ status: 'TIMED_OUT', attempts: 2, epoch: 4, dead_letter: true });
  expect(spent.row.error_history.map(({ code, attempt }) => [code, attempt])).toEqual([
    ['time_limit', 0],
    ['time_limit', 1],
  ]);
  expect((await attemptsOf(patient, late, { result: '1' })).row).toMatchObject({ status: 'COMPLETED', attempts: 2 });
  expect((await attemptsOf(patient, late, fails)).row).toMatchObject({ status: 'FAILED', attempts: 2 });
  const waiting = await attemptsOf(
    { ...patient, retry: { ...patient.retry, delaySeconds: fixedDelay(60) } },
    late,
    late,
  );
  expect(waiting).toMatchObject({ outcomes: ['retrying'], row: { status: 'RETRYING', attempts: 1, worker: null } });
});

it('should end at the third death, which counts no attempt, with a dead letter that holds each of them', async () => {
  const dies: Ended = { died: 'ended with exit code 7' };
  const { outcomes, row } = await attempts(dies, dies, dies, dies);
  expect(outcomes).toEqual(['died', 'died', 'failed']);
  expect(row).toMatchObject({ status: 'FAILED', deaths: 3, attempts: 1, dead_letter: true });
  expect(row.error_history.map(({ code }) => code)).toEqual([
    'process_died',
    'process_died',
    'process_died',
    'deaths_exceeded',
  ]);
  expect((await attempts(dies, dies, { result: '1' })).row).toMatchObject({
    status: 'COMPLETED',
    deaths: 2,
    attempts: 1,
  });
});
