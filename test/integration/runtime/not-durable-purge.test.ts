/** Depth and purge of tasks that are not durable, on each topology, under the user of workers in worker/redis/acl.ts. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cancelTask, noLive, notDurableDepth, purgeNotDurable } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { topologyNames } from '../../harness/topologies.ts';
import { type NotDurableStage, openNotDurable, queue, request } from './not-durable.setup.ts';

describe.each(topologyNames)('queues of tasks that are not durable, through redis as %s', (topology) => {
  let stage: NotDurableStage;
  beforeAll(async () => {
    stage = await openNotDurable(topology);
  });
  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  it('should be counted by state, and purged by tenant, however many stand before, between and behind', async () => {
    const { broker } = stage.runtime;
    const depth = () => notDurableDepth(broker, 'mail', 0);
    const told: string[] = [];
    const live = {
      publish: (_: string, make: () => { readonly taskId: string }) => void told.push(make().taskId),
      publishLater: () => undefined,
    };
    const other = randomUUID();
    // nobody takes from this queue; the tenants in turn, over more than a page of what Redis is asked at once
    const own: string[] = [];
    for (let batch = 0; batch < 3; batch += 1) {
      const tasks = Array.from({ length: 1000 }, (_, n) => ({
        ...request('echo', 'in the queue', { queue: 'mail', priority: 1 + (n % 9) }),
        ...(n % 2 === 0 && { tenantId: other }),
      }));
      const accepted = await stage.runtime.enqueuer.batch(tasks);
      own.push(...accepted.flatMap(({ id }, n) => (n % 2 === 0 ? [] : [id])));
    }
    for (let n = 0; n < 2; n += 1) own.push(await stage.send('echo', '', { queue: 'mail', countdownSeconds: 600 }));
    const { id: durable } = await stage.runtime.enqueuer.one({
      task: 'echo',
      payload: { text: '' },
      tenantId,
      options: { queue: 'mail' },
    });
    expect(await depth()).toEqual({ waiting: 3000, delayed: 2, running: 0 });
    expect(await purgeNotDurable({ broker, live }, 'mail', tenantId)).toEqual({ removed: own.length, whole: true });
    expect(told.toSorted()).toEqual(own.toSorted());
    expect(await depth()).toEqual({ waiting: 1500, delayed: 0, running: 0 });
    expect(await stage.runtime.notDurable.read(tenantId, own[0] ?? '')).toBeUndefined();
    expect(await broker.missing([{ id: durable, queue: 'mail' }])).toEqual([]);
    await cancelTask(stage.database.db, tenantId, durable, 'the test is over');
    await purgeNotDurable({ broker, live }, 'mail', other);
    expect(await depth()).toEqual({ waiting: 0, delayed: 0, running: 0 });
  }, 120_000);

  it('should leave a running one alone when its queue is purged', async () => {
    stage.runs.gate = Promise.withResolvers();
    const id = await stage.send('gated', 'not purged');
    await vi.waitFor(() => expect(stage.runs.of(id)).toHaveLength(1), 10_000);
    const waiting = await stage.send('echo', 'purged');
    const { broker } = stage.runtime;
    expect(await notDurableDepth(broker, queue, 0)).toMatchObject({ waiting: 1, running: 1 });
    expect(await purgeNotDurable({ broker, live: noLive }, queue, tenantId)).toEqual({ removed: 1, whole: true });
    stage.runs.gate.resolve();
    expect(await stage.ended(id)).toMatchObject({ status: 'COMPLETED' });
    expect(stage.runs.of(waiting)).toEqual([]);
  });
});
