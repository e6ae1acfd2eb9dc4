/** What a worker takes of the backlog, and whose. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Database } from '../db/index.ts';
import { pullTasks } from './ledger/pull.ts';
import { noRates } from './ledger/rates.ts';
import { readWindow } from './ledger/window.ts';
import { Puller } from './puller.ts';
import { openLedger, rowOf, tenantId, waitingTask } from './testing/ledger.ts';
import { Window } from './window.ts';

const queue = 'fast_tasks' as const;
const limits = { size: 20, isolatedPerTenant: 2, rates: noRates };

let db: Database;
beforeAll(async () => {
  db = await openLedger();
}, 60_000);
afterAll(() => db.close());
beforeEach(async () => {
  await db.query('delete from tasks_live');
  await db.query('delete from queue_states');
});
afterEach(() => void vi.useRealTimers());

/** A worker's puller, told by its relay what the ledger says now. */
async function told(rates = noRates) {
  const window = new Window({ ...limits, rates });
  const owner = randomUUID();
  const puller = new Puller({ db, window, owner, worker: 'test' });
  const look = async () => window.learn(await db.tx((tx) => readWindow(tx)));
  await look();
  return { puller, owner, look };
}
const many = (count: number, more: Parameters<typeof waitingTask>[1] = {}) =>
  Promise.all(Array.from({ length: count }, () => waitingTask(db, more)));
const idsOf = (tasks: readonly { readonly fence: { readonly id: string } }[]) => tasks.map(({ fence }) => fence.id);

describe('pulling', () => {
  it('should claim what waits, under a lease, an attempt and a new epoch, and no more than is asked for', async () => {
    const ids = await many(3);
    const { puller, owner } = await told();
    const tasks = await puller.pull(queue, 2);
    expect(tasks).toHaveLength(2);
    for (const { fence, attempts } of tasks) {
      expect(ids).toContain(fence.id);
      expect({ owner: fence.owner, attempts }).toEqual({ owner, attempts: 1 });
      expect(await rowOf(db, fence.id)).toMatchObject({ status: 'RUNNING', epoch: fence.epoch, worker: 'test' });
    }
    expect(await puller.pull(queue, 5)).toHaveLength(1);
    expect(await puller.pull(queue, 5)).toEqual([]);
  });

  it('should take high priorities first, and of one priority what has been due for longest', async () => {
    const late = await waitingTask(db, { eta: new Date(Date.now() - 1000) });
    const early = await waitingTask(db, { eta: new Date(Date.now() - 60_000) });
    const urgent = await waitingTask(db, { priority: 9 });
    await waitingTask(db, { priority: 1, eta: new Date(Date.now() - 120_000) });
    const { puller } = await told();
    for (const id of [urgent, early, late]) expect(idsOf(await puller.pull(queue, 1))).toEqual([id]);
  });

  it('should take a task whose retry is due', async () => {
    const id = await waitingTask(db);
    await db.query(`update tasks_live set status = 'RETRYING', attempts = 1, started_at = now() where id = $1`, [id]);
    const { puller } = await told();
    expect(await puller.pull(queue, 1)).toMatchObject([{ fence: { id }, attempts: 2 }]);
  });

  it('should leave what is not due, has expired, stands in Redis, binds its tenant, or waits in another queue', async () => {
    const due = await waitingTask(db);
    await waitingTask(db, { countdownSeconds: 60 });
    const expired = await waitingTask(db, { expiresSeconds: 60 });
    await db.query(`update tasks_live set expires_at = now() - interval '1 second' where id = $1`, [expired]);
    await waitingTask(db, { handed: true });
    await waitingTask(db, { isolated: true });
    await waitingTask(db, { queue: 'mail' });
    const { puller } = await told();
    expect(idsOf(await puller.pull(queue, 10))).toEqual([due]);
  });

  it('should take nothing of a paused queue, nor of a limited one', async () => {
    await many(2);
    const limited = await told({ ...noRates, tenants: new Map([[queue, { perSecond: 5 }]]) });
    expect(await limited.puller.pull(queue, 1)).toEqual([]);
    const { puller, look } = await told();
    await db.query('insert into queue_states (queue, paused) values ($1, true)', [queue]);
    expect(await puller.pull(queue, 1)).toEqual([]);
    await db.query('update queue_states set paused = false');
    await look();
    expect(await puller.pull(queue, 1)).toHaveLength(1);
  });

  it('should give each task to one of those who pull at the same time', async () => {
    const ids = await many(40);
    const workers = await Promise.all(Array.from({ length: 8 }, () => told()));
    const taken = idsOf((await Promise.all(workers.map(({ puller }) => puller.pull(queue, 5)))).flat());
    expect(taken.toSorted()).toEqual(ids.toSorted());
  });
});

describe('what is known of the backlog', () => {
  it('should be the age of the oldest task that was pulled last, while it flows', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    await waitingTask(db, { eta: new Date(Date.now() - 60_000) });
    await waitingTask(db);
    const { puller } = await told();
    expect(puller.backlogSeconds).toBeUndefined();
    await puller.pull(queue, 2);
    expect(puller.backlogSeconds).toBeGreaterThanOrEqual(60);
    expect(puller.backlogSeconds).toBeLessThan(70);
    vi.advanceTimersByTime(500);
    expect(puller.backlogSeconds).toBeUndefined();
  });
});

describe('tenants', () => {
  const crowd = tenantId;
  const newcomer = randomUUID();

  it('should have equal shares of a pull', async () => {
    const tenants = [crowd, newcomer, randomUUID()];
    for (const id of tenants) await many(id === crowd ? 12 : 4, { tenantId: id });
    const { puller } = await told();
    const taken = (await puller.pull(queue, 6)).map((task) => task.tenantId);
    expect(tenants.map((id) => taken.filter((by) => by === id).length)).toEqual([2, 2, 2]);
  });

  it('should have turns where there is less than one for each, and their priorities go before', async () => {
    const tenants = [crowd, newcomer, randomUUID()];
    for (const id of tenants) await many(3, { tenantId: id });
    const urgent = await waitingTask(db, { tenantId: newcomer, priority: 7 });
    const { puller } = await told();
    expect(idsOf(await puller.pull(queue, 1))).toEqual([urgent]);
    for (let round = 0; round < 3; round += 1) {
      const three = [await puller.pull(queue, 1), await puller.pull(queue, 1), await puller.pull(queue, 1)];
      expect(new Set(three.map(([task]) => task?.tenantId)).size).toBe(3);
    }
  });

  it('should all get their turn when they are more than a pull asks for', async () => {
    const tenants = Array.from({ length: 70 }, () => randomUUID());
    for (const id of tenants) await many(2, { tenantId: id });
    const { puller } = await told();
    const first: string[] = [];
    while (first.length < 70) first.push(...(await puller.pull(queue, 10)).map((task) => task.tenantId));
    expect(new Set(first).size).toBe(70);
  });

  it('should go on with their turns when the relay has looked again, a newcomer behind those who wait for theirs', async () => {
    await many(50);
    const { puller, look } = await told();
    await puller.pull(queue, 1);
    const late = await waitingTask(db, { tenantId: newcomer });
    await look();
    const order = [...(await puller.pull(queue, 1)), ...(await puller.pull(queue, 1))];
    expect(idsOf(order)).toContain(late);
  });

  it('should be asked again for a moment after the last that was had of them, and then when the relay has looked again', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    await many(2);
    const { puller, look } = await told();
    expect(await puller.pull(queue, 5)).toHaveLength(2);
    expect(await puller.pull(queue, 5)).toEqual([]);
    const early = await waitingTask(db);
    expect(puller.flows(queue)).toBe(true);
    expect(idsOf(await puller.pull(queue, 5))).toEqual([early]);
    vi.advanceTimersByTime(500);
    expect(puller.flows(queue)).toBe(false);
    expect(await puller.pull(queue, 5)).toEqual([]);
    const late = await waitingTask(db);
    expect(await puller.pull(queue, 5)).toEqual([]);
    await look();
    expect(idsOf(await puller.pull(queue, 5))).toEqual([late]);
  });
});

it('should pass over rows that somebody else has in hand', async () => {
  const [first] = await many(3);
  const request = { queue, tenants: [tenantId], share: 5, most: 5, worker: 'test' };
  await db.query(`update tasks_live set due_at = now() - interval '1 minute' where id = $1`, [first ?? '']);
  const taken = await pullTasks(db, { ...request, most: 1, owner: randomUUID() });
  expect(idsOf(taken)).toEqual([first]);
  expect(await pullTasks(db, { ...request, owner: randomUUID() })).toHaveLength(2);
});
