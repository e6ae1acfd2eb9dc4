/** What the ledger keeps, for how long, and what it lets in once. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../db/index.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { takeIn } from '../intake.ts';
import { noLive } from '../live/publisher.ts';
import { purgeQueue } from '../queue-control.ts';
import {
  claim,
  newTask,
  openLedger,
  rowOf,
  runningTask as running,
  tenantId,
  waitingTask as waiting,
} from '../testing/ledger.ts';
import { acceptTasks, type NewTask } from './accept.ts';
import { runEffect, runExternal } from './effects.ts';
import { completeTasks } from './finish.ts';
import { queuedSince, release } from './handover.ts';
import { removeFinished } from './partitions.ts';

const daySeconds = 86_400;
const log = createLogger({ level: 'fatal' });
let db: Database;
beforeAll(async () => {
  db = await openLedger();
}, 60_000);
afterAll(() => db.close());
beforeEach(async () => {
  for (const table of ['tasks_live', 'tasks_finished', 'effects']) await db.query(`delete from ${table}`);
});

const accept = (...tasks: Partial<NewTask>[]) => db.tx((tx) => acceptTasks(tx, tasks.map(newTask)));
const finished = async (more: Partial<NewTask> = {}) => {
  const { fence } = await running(db, more);
  await runEffect(db, fence, 'step', async () => true);
  await completeTasks(db, [{ fence, result: '{"done":true}' }]);
  return fence.id;
};
const stepsOf = async (id: string) =>
  (await db.query<{ step: string }>('select step from effects where task_id = $1', [id])).map(({ step }) => step);
const exists = async (id: string) => (await db.query('select 1 from tasks where id = $1', [id])).length > 0;

describe('the table', () => {
  it('should show live and finished tasks alike, with the columns that people and scripts read', async () => {
    const ids = [await waiting(db), await finished()];
    const rows = await db.query<{ id: string }>(
      `select id, tenant_id, name, queue, status, priority, attempts, deaths, epoch, unique_key, due_at, expires_at, accepted_at,
              started_at, finished_at, progress, result, error from tasks order by finished_at nulls first`,
    );
    expect(rows).toMatchObject([
      { id: ids[0], status: 'PENDING', attempts: 0, priority: 5, finished_at: null, result: null },
      { id: ids[1], status: 'COMPLETED', attempts: 1, finished_at: expect.any(Date), result: { done: true } },
    ]);
  });

  it('should keep what finishes in the partition of its day', async () => {
    const id = await finished();
    const [row] = await db.query<{ kept: string; today: string }>(
      `select tableoid::regclass::text as kept, to_char(now() at time zone 'utc', '"tasks_finished_"YYYYMMDD') as today
         from tasks_finished where id = $1`,
      [id],
    );
    expect(row?.kept).toBe(row?.today);
    expect(await db.query('select 1 from tasks_live where id = $1', [id])).toEqual([]);
  });

  it('should answer for an id while its row is kept, and keep the effect keys just as long', async () => {
    const [day, rest, young] = [await finished(), await finished(), await finished()];
    // one on a day that has its partition, one where the rows of other days stand
    const date = new Date(Date.now() - 10 * daySeconds * 1000).toISOString().slice(0, 10);
    await db.tx((tx) =>
      tx.script(`create table tasks_finished_${date.replaceAll('-', '')} partition of tasks_finished
        for values from ('${date} 00:00:00+00') to ('${date} 23:59:59.999+00')`),
    );
    const setAge = (id: string, days: number) =>
      db.query('update tasks_finished set finished_at = now() - make_interval(days => $2) where id = $1', [id, days]);
    await setAge(day, 10);
    await setAge(rest, 8);
    await setAge(young, 6);
    expect(await removeFinished(db, 7 * daySeconds)).toEqual({ partitions: 1, rows: 2 });
    for (const id of [day, rest]) expect([await exists(id), await stepsOf(id)]).toEqual([false, []]);
    expect([await exists(young), await stepsOf(young)]).toEqual([true, ['step']]);
  });
});

describe('a day that is old', () => {
  const oldDay = async (daysAgo: number) => {
    const date = new Date(Date.now() - daysAgo * daySeconds * 1000).toISOString().slice(0, 10);
    const name = `tasks_finished_${date.replaceAll('-', '')}`;
    await db.tx((tx) =>
      tx.script(`create table ${name} partition of tasks_finished
        for values from ('${date} 00:00:00+00') to ('${date} 23:59:59.999+00')`),
    );
    const id = await finished();
    await db.query('update tasks_finished set finished_at = $2::timestamptz where id = $1', [
      id,
      `${date} 12:00:00+00`,
    ]);
    return { id, name };
  };
  const tables = async (name: string) => (await db.query('select 1 from pg_class where relname = $1', [name])).length;

  it('should leave the ledger before its keys go, so that no end waits for them, and be taken up again where that was stopped', async () => {
    const { id, name } = await oldDay(20);
    expect(await removeFinished(db, 7 * daySeconds, AbortSignal.abort())).toEqual({ partitions: 0, rows: 0 });
    // gone for everybody, and its dead letters can be retried no more; what it did is not forgotten before all of it is
    expect([await exists(id), await stepsOf(id), await tables(name)]).toEqual([false, ['step'], 1]);
    expect(await removeFinished(db, 7 * daySeconds)).toEqual({ partitions: 1, rows: 1 });
    expect([await stepsOf(id), await tables(name)]).toEqual([[], 0]);
    expect(await removeFinished(db, 7 * daySeconds)).toEqual({ partitions: 0, rows: 0 });
  });

  it('should give an id that is free again to a new task, which does all it has to', async () => {
    const { id, name } = await oldDay(22);
    await removeFinished(db, 7 * daySeconds, AbortSignal.abort());
    let done = 0;
    const { fence } = await running(db, { id });
    const step = () =>
      runEffect(db, fence, 'step', async () => {
        done += 1;
        return done;
      });
    expect(await step()).toBe(1);
    // the rest of the old day goes while the new task lives
    expect(await removeFinished(db, 7 * daySeconds)).toMatchObject({ partitions: 1 });
    expect([await step(), await tables(name)]).toEqual([1, 0]);
  });

  it('should do so too where the new task takes the place of one with its unique key', async () => {
    const { id } = await oldDay(23);
    await removeFinished(db, 7 * daySeconds, AbortSignal.abort());
    await waiting(db, { uniqueKey: 'one of them' });
    const [taken] = await accept({ id, uniqueKey: 'one of them', uniquePolicy: 'replace' });
    expect(taken).toMatchObject({ id, created: true });
    expect(await stepsOf(id)).toEqual([]);
    await removeFinished(db, 7 * daySeconds);
  });

  it('should lose all its keys, more than go in one statement', async () => {
    const { name } = await oldDay(21);
    await db.query(
      `insert into ${name} (id, tenant_id, name, queue, status, priority, payload, attempts, deaths, epoch, accepted_at, due_at, finished_at)
       select gen_random_uuid(), tenant_id, name, queue, status, priority, payload, 1, 0, 1, accepted_at, due_at, finished_at
         from ${name}, generate_series(1, 12000)`,
    );
    await db.query(`insert into effects (task_id, step) select id, 'many' from ${name}`);
    const kept = await finished();
    expect(await removeFinished(db, 7 * daySeconds)).toEqual({ partitions: 1, rows: 12_001 });
    expect(await db.query('select task_id, step from effects')).toEqual([{ task_id: kept, step: 'step' }]);
  });
});

describe('an id and a key', () => {
  it('should get the old answer for the same payload, live or finished, and be refused for another', async () => {
    for (const make of [waiting, async (_db: Database, more: Partial<NewTask>) => finished(more)]) {
      const id = randomUUID();
      await make(db, { id });
      expect(await accept({ id })).toMatchObject([{ id, created: false }]);
      await expect(accept({ id, payload: '{"another":1}' })).rejects.toMatchObject({ code: 'task_id_taken' });
      expect(await db.query('select 1 from tasks where id = $1', [id])).toHaveLength(1);
    }
  });

  it('should get the old answers of a batch that is sent again in as many statements as for one', async () => {
    const ended = await finished({ id: randomUUID() });
    const batch = [ended, ...Array.from({ length: 30 }, () => randomUUID())].map((id) => ({ id }));
    const fresh = { id: randomUUID() };
    await accept(...batch);
    const statements = async (...tasks: Partial<NewTask>[]) => {
      let count = 0;
      const answers = await db.tx((tx) =>
        acceptTasks(
          {
            ...tx,
            query: (text, params) => {
              count += 1;
              return tx.query(text, params);
            },
          },
          tasks.map(newTask),
        ),
      );
      return { count, answers };
    };
    const one = await statements({ id: ended });
    const all = await statements(...batch, fresh, {});
    expect(all.answers).toMatchObject([
      { id: ended, status: 'COMPLETED', created: false },
      ...batch.slice(1).map(({ id }) => ({ id, status: 'PENDING', created: false })),
      { id: fresh.id, created: true },
      { created: true },
    ]);
    // the insert, what of it has ended, what stood in its way
    expect([one.count, all.count]).toEqual([3, 3]);
  });

  it('should count as handed over only when it is due, whatever its sender is about to do', async () => {
    const [due, later] = await accept({ handed: true }, { handed: true, countdownSeconds: 60 });
    expect([due?.handed, later?.handed]).toEqual([true, false]);
    expect([(await rowOf(db, due?.id ?? '')).status, (await rowOf(db, later?.id ?? '')).status]).toEqual([
      'QUEUED',
      'PENDING',
    ]);
  });

  it('should undo a whole batch of which one is refused', async () => {
    const id = randomUUID();
    await waiting(db, { id });
    await expect(accept({}, { id, payload: '{"another":1}' })).rejects.toMatchObject({ code: 'task_id_taken' });
    expect(await db.query('select 1 from tasks_live')).toHaveLength(1);
  });

  it('should be one live task a tenant and key, and free again at its end', async () => {
    const uniqueKey = 'one of them';
    const [first] = await accept({ uniqueKey });
    expect(await accept({ uniqueKey })).toMatchObject([{ id: first?.id, created: false }]);
    expect(await accept({ uniqueKey, tenantId: randomUUID() })).toMatchObject([{ created: true }]);
    expect(await accept({}, {})).toMatchObject([{ created: true }, { created: true }]);
    const task = await claim(db, first?.id ?? '');
    await completeTasks(db, task ? [{ fence: task.fence, result: '1' }] : []);
    expect(await accept({ uniqueKey })).toMatchObject([{ created: true }]);
  });
});

describe('an effect', () => {
  it('should be done once, and answer as it did then', async () => {
    const { fence } = await running(db);
    let runs = 0;
    const effect = () =>
      runEffect(db, fence, 'step', async () => {
        runs += 1;
        return { run: runs };
      });
    expect(await effect()).toEqual({ run: 1 });
    expect(await effect()).toEqual({ run: 1 });
    expect(runs).toBe(1);
    expect(await runEffect(db, fence, 'another step', async () => 'mine')).toBe('mine');
  });

  it('should leave neither its change nor its key when it fails half way', async () => {
    const { fence } = await running(db);
    const half = runEffect(db, fence, 'step', async (tx) => {
      await tx.query(`insert into sample_effects (task_id, run, n, attempt) values ($1, 'half', 0, 0)`, [fence.id]);
      throw new Error('in the middle');
    });
    await expect(half).rejects.toThrow('in the middle');
    expect(await db.query(`select 1 from sample_effects where run = 'half'`)).toEqual([]);
    expect(await stepsOf(fence.id)).toEqual([]);
  });

  it('should call the outside with the same key at every attempt, and not again once its answer is kept', async () => {
    const first = await running(db);
    const keys: string[] = [];
    const call = (fence: typeof first.fence, answer: string) =>
      runExternal(db, fence, 'mail', async (key) => {
        keys.push(key);
        if (answer === '') throw new Error('no answer');
        return answer;
      });
    await expect(call(first.fence, '')).rejects.toThrow('no answer');
    await db.query(`update tasks_live set lease_until = now() - interval '1 second' where id = $1`, [first.fence.id]);
    const second = await claim(db, first.fence.id);
    if (!second) throw new Error('its lease is over');
    expect(await call(second.fence, 'sent')).toBe('sent');
    expect(await call(second.fence, 'sent twice')).toBe('sent');
    expect(keys).toEqual([`${first.fence.id}:mail`, `${first.fence.id}:mail`]);
  });
});

describe('a job from Redis', () => {
  const take = (id: string, data: unknown) =>
    takeIn(
      { db, claim: (row) => claim(db, row), defaultTenantId: tenantId },
      { id, name: 'noted', queue: 'fast_tasks', timestamp: 7, data },
    );

  it('should be dropped when it says that a row stands behind it and none does', async () => {
    const id = randomUUID();
    const meta = { v: 1, origin: 'ledger', tenant_id: tenantId };
    expect(await take(id, { payload: {}, meta })).toEqual({ kind: 'dropped' });
    expect(await exists(id)).toBe(false);
    expect(await take('no-uuid', { payload: {}, meta })).toEqual({ kind: 'dropped' });
    const ended = await finished();
    expect(await take(ended, { payload: {}, meta })).toEqual({ kind: 'dropped' });
  });

  it('should get one row when it comes from elsewhere, under its own UUID or with its own id beside one that is made', async () => {
    const id = randomUUID();
    expect(await take(id, { payload: { n: 1 } })).toMatchObject({ kind: 'claimed', task: { fence: { id } } });
    expect(await rowOf(db, id)).toMatchObject({ redis_job_id: null, payload: { n: 1 }, tenant_id: tenantId });
    const taken = await take('17', { payload: { n: 2 } });
    if (taken.kind !== 'claimed') throw new Error('it is new');
    expect(await rowOf(db, taken.task.fence.id)).toMatchObject({ redis_job_id: '17', payload: { n: 2 } });
    expect(await take('17', { payload: { n: 2 } })).toEqual({ kind: 'dropped' });
    expect(await db.query('select 1 from tasks')).toHaveLength(2);
  });
});

describe('the rows that stand in Redis', () => {
  it('should be the only ones that the reconciler looks up, after their grace', async () => {
    const [handed = '', fresh = ''] = [await waiting(db), await waiting(db), await waiting(db)];
    await db.query(`update tasks_live set accepted_at = now() - interval '1 hour'`);
    await db.query(`update tasks_live set status = 'QUEUED', queued_at = now() - interval '5 seconds' where id = $1`, [
      handed,
    ]);
    await db.query(`update tasks_live set status = 'QUEUED', queued_at = now() where id = $1`, [fresh]);
    expect(await queuedSince(db, 3, undefined, 10)).toEqual([{ id: handed, queue: 'fast_tasks' }]);
  });

  it('should wait again when Redis did not take them, but for those that somebody runs by now', async () => {
    const ids = [await waiting(db), await waiting(db)];
    await db.query(`update tasks_live set status = 'QUEUED', queued_at = now()`);
    const task = await claim(db, ids[1] ?? '');
    await release(
      db,
      ids.map((id) => ({ id, epoch: 0 })),
    );
    expect(await rowOf(db, ids[0] ?? '')).toMatchObject({ status: 'PENDING' });
    expect(await rowOf(db, task?.fence.id ?? '')).toMatchObject({ status: 'RUNNING' });
  });
});

it('should cancel with the reason `purged` what waits in a purged queue, and let go on what runs', async () => {
  const [held, elsewhere] = [await running(db), await waiting(db, { queue: 'heavy_tasks' })];
  const id = await waiting(db);
  expect(await purgeQueue({ db, live: noLive, log }, 'fast_tasks', undefined)).toBe(1);
  expect(await rowOf(db, id)).toMatchObject({ status: 'CANCELLED', error: { code: 'purged' }, epoch: 1 });
  expect((await rowOf(db, held.fence.id)).status).toBe('RUNNING');
  expect((await rowOf(db, elsewhere)).status).toBe('PENDING');
});
