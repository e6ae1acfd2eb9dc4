/** Text and values that Postgres does not keep must end a task, never leave it running for ever. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { type Database, migrate, openPglite } from '../db/index.ts';
import { createLogger } from '../telemetry/logger.ts';
import { defineTask } from './define-task.ts';
import type { Enqueuer } from './enqueue.ts';
import { createExecutor } from './execution/executors.ts';
import { takeIn } from './intake.ts';
import { Leases } from './leases.ts';
import { claimTasks } from './ledger/claim.ts';
import { type Completion, completeTasks } from './ledger/finish.ts';
import { ensurePartitions } from './ledger/partitions.ts';
import { readTask } from './ledger/read.ts';
import { noLive } from './live/index.ts';
import { runTask } from './run-task.ts';

const log = createLogger({ level: 'fatal' });
const owner = randomUUID();
const defaultTenantId = randomUUID();
let db: Database;
let leases: Leases;

beforeAll(async () => {
  db = await openPglite(undefined);
  await migrate(db);
  await ensurePartitions(db);
  leases = new Leases(db, owner, log);
}, 60_000);
afterAll(async () => {
  await leases.stop();
  await db.close();
});

/** A job as any BullMQ client may add it, claimed. */
async function claimed(data: unknown, name = 'hostile') {
  const id = randomUUID();
  const intake = await takeIn(
    { db, claim: async (id) => (await claimTasks(db, [id], owner, 'test'))[0], defaultTenantId },
    { id, name, queue: 'fast_tasks', timestamp: 1, data },
  );
  if (intake.kind !== 'claimed') throw new Error('the job was dropped');
  return intake.task;
}

/** Runs `handle` as the one attempt of a task, and gives the row that is left. */
async function afterRun(handle: () => Promise<unknown>) {
  const definition = defineTask({
    name: 'hostile',
    queue: 'fast_tasks',
    description: 'Answers with what it is told.',
    payload: z.strictObject({}),
    retry: { retries: 0 },
    // what a handler without the compiler may return
    handle: handle as () => Promise<undefined>,
  });
  const task = await claimed({ payload: {} });
  const enqueuer = {} as Enqueuer;
  const executor = createExecutor({
    workerClass: 'async',
    db,
    enqueuer,
    hosts: undefined,
    onLost: () => undefined,
    log,
  });
  const complete = async (completion: Completion) => (await completeTasks(db, [completion]))[0] ?? false;
  const draining = new AbortController().signal;
  await runTask({ db, executor, leases, complete, live: noLive, log, draining }, definition, task);
  return readTask(db, defaultTenantId, task.fence.id);
}

it('should take in a foreign job whose payload, names and task name hold U+0000 and half surrogate pairs', async () => {
  const task = await claimed({ payload: { 'k\u0000': ['\ud800x', '\\u0000'] } }, 'name\u0000\udfff');
  expect(task.payload).toEqual({ 'k\ufffd': ['\ufffdx', '\\u0000'] });
  expect(task.name).toBe('name\ufffd\ufffd');
});

it('should complete a task whose result holds them', async () => {
  const row = await afterRun(async () => ({ text: 'a\u0000b\ud83c', 'k\udc00': 1 }));
  expect(row).toMatchObject({ status: 'COMPLETED', result: { text: 'a\ufffdb\ufffd', 'k\ufffd': 1 } });
});

it('should fail a task whose result is no JSON', async () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const result of [1n, circle]) {
    const row = await afterRun(async () => result);
    expect(row).toMatchObject({ status: 'FAILED', error: { code: 'result_invalid' } });
  }
});

it('should take a result that is no value for null', async () => {
  expect(await afterRun(async () => undefined)).toMatchObject({ status: 'COMPLETED', result: null });
  expect(await afterRun(async () => () => 1)).toMatchObject({ status: 'COMPLETED', result: null });
});

it('should fail a task whose result is larger than a payload may be', async () => {
  const row = await afterRun(async () => 'x'.repeat(1024 * 1024));
  expect(row).toMatchObject({ status: 'FAILED', error: { code: 'result_too_large' } });
});

it('should keep an error whose message is cut within a surrogate pair, or holds U+0000', async () => {
  for (const message of [`${'x'.repeat(1999)}🐟 and more`, 'null \u0000 byte']) {
    const row = await afterRun(async () => {
      throw new Error(message);
    });
    expect(row).toMatchObject({ status: 'FAILED', error: { message: expect.stringContaining('\ufffd') } });
  }
});
