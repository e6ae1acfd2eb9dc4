/** Who is let in: what a claim, its end and its loss do to a row, and what counts as an attempt, a death, a new epoch. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../db/index.ts';
import { claim, holdOf, lapse, openLedger, rowOf, runningTask, tenantId, waitingTask } from '../testing/ledger.ts';
import { claimKey, claimTasks, giveBackUnknown, renewLeases, stillHeld, takeOverLapsed } from './claim.ts';
import { retryDeadLetters } from './dead-letters.ts';
import { giveUpAfterDeath, postponeTask, putBackAfterDeath } from './deaths.ts';
import { runEffect, StaleOwnerError } from './effects.ts';
import { cancelTask, completeTasks, failTask, handBack, retryTask, writeProgress } from './finish.ts';
import type { Fence } from './rows.ts';

const error = { code: 'test', message: 'It went wrong.', at: new Date().toISOString(), attempt: 0 };

let db: Database;
beforeAll(async () => {
  db = await openLedger();
}, 60_000);
afterAll(() => db.close());

const setStatus = (id: string, status: string) =>
  db.query('update tasks_live set status = $2 where id = $1', [id, status]);

describe('a claim', () => {
  it.each(['PENDING', 'QUEUED', 'RETRYING'])('should be let in on a row that is %s and due', async (status) => {
    const id = await waitingTask(db);
    await setStatus(id, status);
    expect(await claim(db, id)).toMatchObject({ fence: { id, epoch: 1 }, attempts: 1, deaths: 0, suspect: false });
    expect((await rowOf(db, id)).status).toBe('RUNNING');
    const { leaseSeconds } = await holdOf(db, id);
    expect(leaseSeconds).toBeGreaterThan(28);
    expect(leaseSeconds).toBeLessThanOrEqual(30);
  });

  it('should be refused on a lease that lives', async () => {
    const { fence } = await runningTask(db);
    expect(await claim(db, fence.id)).toBeUndefined();
    expect(await rowOf(db, fence.id)).toMatchObject({ epoch: 1, attempts: 1 });
  });

  it('should be refused on a row that is not due', async () => {
    const id = await waitingTask(db, { countdownSeconds: 60 });
    expect(await claim(db, id)).toBeUndefined();
    await setStatus(id, 'RETRYING');
    expect(await claim(db, id)).toBeUndefined();
  });

  it('should be refused on a row that has expired before it was started', async () => {
    const id = await waitingTask(db, { expiresSeconds: -1 });
    expect(await claim(db, id)).toBeUndefined();
    await db.query('update tasks_live set started_at = now() where id = $1', [id]);
    expect(await claim(db, id)).toMatchObject({ attempts: 1 });
  });

  it('should be refused on a row that has finished', async () => {
    const { fence } = await runningTask(db);
    await completeTasks(db, [{ fence, result: '1' }]);
    expect(await claim(db, fence.id)).toBeUndefined();
    expect(await rowOf(db, fence.id)).toMatchObject({ status: 'COMPLETED', epoch: 1 });
  });

  it('should take over a lease that is over: a new epoch, no attempt, no death, and alone from then on', async () => {
    const { fence } = await runningTask(db);
    await lapse(db, fence.id);
    // its worker may live, and get the time to renew
    expect(await claimTasks(db, [fence.id], randomUUID(), 'test', false)).toEqual([undefined]);
    expect(await claim(db, fence.id)).toMatchObject({ fence: { epoch: 2 }, attempts: 1, deaths: 0, suspect: true });
  });
});

describe('a lease', () => {
  it('should be renewed together with others of its owner, but for those that were overtaken', async () => {
    const owner = randomUUID();
    const ids = await Promise.all([waitingTask(db), waitingTask(db), waitingTask(db)]);
    const fences: Fence[] = [];
    for (const id of ids) fences.push({ id, epoch: (await claim(db, id, owner))?.fence.epoch ?? 0, owner });
    const [, , overtaken] = ids;
    await lapse(db, overtaken ?? '');
    // one process may hold two of one task, of which only the newer stands
    await claim(db, overtaken ?? '', owner);
    await db.query(`update tasks_live set lease_until = clock_timestamp() + interval '5 seconds' where owner = $1`, [
      owner,
    ]);
    const stands = new Set(fences.slice(0, 2).map(claimKey));
    expect(await renewLeases(db, owner, fences)).toEqual({ held: stands, complete: true });
    expect(await stillHeld(db, owner, fences)).toEqual(stands);
    for (const id of ids.slice(0, 2)) expect((await holdOf(db, id)).leaseSeconds).toBeGreaterThan(28);
  });

  it('should be swept when it is over: a new epoch, no attempt, no death, and alone from then on', async () => {
    const [lapsed, living] = [await runningTask(db), await runningTask(db)];
    await lapse(db, lapsed.fence.id);
    expect(await takeOverLapsed(db, 10)).toEqual([lapsed.fence.id]);
    expect(await rowOf(db, lapsed.fence.id)).toMatchObject({ status: 'PENDING', epoch: 2, attempts: 0, deaths: 0 });
    expect(await holdOf(db, lapsed.fence.id)).toEqual({ leaseSeconds: null, suspect: true });
    expect(await rowOf(db, living.fence.id)).toMatchObject({ status: 'RUNNING', epoch: 1, attempts: 1 });
  });

  it('should be given back by an owner that knows nothing of it, once its answer cannot be under way', async () => {
    const { fence } = await runningTask(db);
    expect(await giveBackUnknown(db, fence.owner, [])).toBe(0);
    await db.query(`update tasks_live set lease_until = clock_timestamp() + interval '20 seconds' where id = $1`, [
      fence.id,
    ]);
    expect(await giveBackUnknown(db, fence.owner, [fence])).toBe(0);
    expect(await giveBackUnknown(db, fence.owner, [])).toBe(1);
    expect(await rowOf(db, fence.id)).toMatchObject({ status: 'PENDING', epoch: 2, attempts: 0 });
  });

  it('should leave a task as one that never started when its first attempt is given back so, and as one that did after a takeover', async () => {
    const startedAt = async ({ id, owner }: Fence) => {
      await db.query(`update tasks_live set lease_until = clock_timestamp() + interval '20 seconds' where id = $1`, [
        id,
      ]);
      expect(await giveBackUnknown(db, owner, [])).toBe(1);
      const [row] = await db.query<{ at: Date | null }>('select started_at as at from tasks_live where id = $1', [id]);
      return row?.at;
    };
    const { fence } = await runningTask(db);
    expect(await startedAt(fence)).toBeNull();
    const { fence: first } = await runningTask(db);
    await lapse(db, first.id);
    const [taken] = await claimTasks(db, [first.id], randomUUID(), 'test');
    if (!taken) throw new Error('the lease that is over was to be taken over');
    expect(await startedAt(taken.fence)).toBeInstanceOf(Date);
  });
});

/** Every write of a run, and whether it was let in. */
const writes: Readonly<Record<string, (fence: Fence) => Promise<boolean>>> = {
  completed: async (fence) => (await completeTasks(db, [{ fence, result: '1' }]))[0] ?? false,
  failed: (fence) => failTask(db, fence, error, 'FAILED'),
  'timed out': (fence) => failTask(db, fence, error, 'TIMED_OUT'),
  'to be tried again': (fence) => retryTask(db, fence, error, 1000),
  'handed back': (fence) => handBack(db, fence),
  'put off': (fence) => postponeTask(db, fence, 1000),
  'put back after a death': (fence) => putBackAfterDeath(db, fence, error),
  'given up after a death': (fence) => giveUpAfterDeath(db, fence, error, error),
  'somewhere on its way': (fence) => writeProgress(db, fence, '{"step":"late"}'),
  'with an effect done': (fence) =>
    runEffect(db, fence, 'step', async () => true).catch((thrown: unknown) => {
      if (thrown instanceof StaleOwnerError) return false;
      throw thrown;
    }),
};

describe.each(Object.entries(writes))('a run that says it is %s', (_what, write) => {
  it('should be refused with an older epoch, with the token of another owner, and when its row is not RUNNING', async () => {
    const { fence } = await runningTask(db);
    await lapse(db, fence.id);
    const newer = await claim(db, fence.id, fence.owner);
    expect(newer?.fence.epoch).toBe(2);
    expect(await write(fence)).toBe(false);
    expect(await write({ ...fence, epoch: 2, owner: randomUUID() })).toBe(false);
    await setStatus(fence.id, 'QUEUED');
    expect(await write({ ...fence, epoch: 2 })).toBe(false);
    expect(await rowOf(db, fence.id)).toMatchObject({ epoch: 2, attempts: 1, deaths: 0, progress: null, error: null });
    await setStatus(fence.id, 'RUNNING');
    expect(await write({ ...fence, epoch: 2 })).toBe(true);
  });
});

describe('the end of a hold', () => {
  it('should raise the epoch and count no attempt when it is handed back or put off', async () => {
    for (const end of [handBack, (...args: [Database, Fence]) => postponeTask(...args, 0)]) {
      const { fence } = await runningTask(db);
      await end(db, fence);
      expect(await rowOf(db, fence.id)).toMatchObject({ status: 'PENDING', epoch: 2, attempts: 0, deaths: 0 });
    }
  });

  it('should let a first attempt expire still whose handler was not entered, and no other', async () => {
    const startedAfter = async (end: (fence: Fence) => Promise<boolean>, deaths = 0) => {
      const { fence } = await runningTask(db);
      await db.query('update tasks_live set deaths = $2 where id = $1', [fence.id, deaths]);
      await end(fence);
      return (await rowOf(db, fence.id)).started_at;
    };
    expect(await startedAfter((fence) => handBack(db, fence, false))).toBeNull();
    expect(await startedAfter((fence) => postponeTask(db, fence, 0))).toBeNull();
    expect(await startedAfter((fence) => handBack(db, fence))).toBeInstanceOf(Date);
    expect(await startedAfter((fence) => handBack(db, fence, false), 1)).toBeInstanceOf(Date);
  });

  it('should raise the epoch when it is cancelled or over its time limit', async () => {
    const [cancelled, late] = [await runningTask(db), await runningTask(db)];
    expect(await cancelTask(db, tenantId, cancelled.fence.id, 'by a test')).toBe(true);
    expect(await rowOf(db, cancelled.fence.id)).toMatchObject({ status: 'CANCELLED', epoch: 2 });
    await failTask(db, late.fence, error, 'TIMED_OUT');
    expect(await rowOf(db, late.fence.id)).toMatchObject({ status: 'TIMED_OUT', epoch: 2, dead_letter: true });
  });

  it('should keep the attempt of a failure, with its error, and wait by the clock of the database', async () => {
    const { fence } = await runningTask(db);
    await retryTask(db, fence, error, 60_000);
    expect(await rowOf(db, fence.id)).toMatchObject({ status: 'RETRYING', attempts: 1, error_history: [error] });
    expect(await claim(db, fence.id)).toBeUndefined();
    await db.query('update tasks_live set due_at = now() where id = $1', [fence.id]);
    expect(await claim(db, fence.id)).toMatchObject({ attempts: 2, fence: { epoch: 2 } });
  });

  it('should count a death of its child, and no attempt, and keep it alone', async () => {
    const { fence } = await runningTask(db);
    await putBackAfterDeath(db, fence, error);
    expect(await rowOf(db, fence.id)).toMatchObject({ status: 'PENDING', epoch: 2, attempts: 0, deaths: 1 });
    // the mark itself, for a claim would also go by the deaths
    expect(await db.query('select suspect from tasks_live where id = $1', [fence.id])).toEqual([{ suspect: true }]);
    expect(await claim(db, fence.id)).toMatchObject({ suspect: true, deaths: 1 });
  });
});

describe('a dead letter', () => {
  it('should live again in its row: no attempts, no deaths, a new epoch, and its done steps done', async () => {
    const { fence } = await runningTask(db);
    await runEffect(db, fence, 'step', async () => 'first');
    await failTask(db, fence, error, 'FAILED');
    expect(await rowOf(db, fence.id)).toMatchObject({ status: 'FAILED', dead_letter: true, error_history: [error] });
    await db.tx((tx) => retryDeadLetters(tx, tenantId, { id: fence.id }, 10));
    expect(await rowOf(db, fence.id)).toMatchObject({ status: 'PENDING', epoch: 2, attempts: 0, deaths: 0 });
    const again = await claim(db, fence.id);
    if (!again) throw new Error('it waits to be claimed');
    expect(again.fence.epoch).toBe(3);
    expect(await runEffect(db, again.fence, 'step', async () => 'second')).toBe('first');
  });
});
