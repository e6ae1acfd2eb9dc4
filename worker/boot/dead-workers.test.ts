import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../db/index.ts';
import { endOverdue, type LiveSink } from '../runtime/index.ts';
import { openLedger, rowOf, runningTask } from '../runtime/testing/ledger.ts';
import { createLogger } from '../telemetry/logger.ts';
import { DeadWorkers } from './dead-workers.ts';

const log = createLogger({ level: 'fatal' });
let db: Database;
beforeAll(async () => {
  db = await openLedger();
}, 60_000);
afterAll(() => db.close());

const overdueOf = async () => {
  const { fence, name } = await runningTask(db);
  return { fence, task: name, attempt: 0, limitSeconds: 1, deadline: 0 };
};

it('should end what its worker was killed for, and tell it once, also what the watchdog has written itself', async () => {
  const [own, written] = [await overdueOf(), await overdueOf()];
  await endOverdue(db, [written]);
  const told: ReturnType<Parameters<LiveSink['publish']>[1]>[] = [];
  const dead = new DeadWorkers({
    db,
    broker: { ready: false, releaseJobs: async () => undefined },
    live: { publish: (_, make) => void told.push(make()), publishLater: () => undefined },
    log,
    onGivenBack: () => undefined,
  });
  await dead.giveBack({ owner: own.fence.owner, overdue: [own, written] });
  for (const { fence } of [own, written]) {
    const row = await rowOf(db, fence.id);
    expect(row).toMatchObject({ status: 'TIMED_OUT', error: { code: 'time_limit' } });
    const ends = told.filter(({ taskId }) => taskId === fence.id);
    expect(ends).toMatchObject([{ event: 'error', epoch: row.epoch }]);
  }
});
