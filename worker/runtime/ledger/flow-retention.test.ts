/** Which flows keep their rows when a day of theirs goes. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database, Queryable } from '../../db/index.ts';
import { openLedger, tenantId } from '../testing/ledger.ts';
import { retryDeadLetters } from './dead-letters.ts';
import { cancelTask } from './finish.ts';
import { removeFinished } from './partitions.ts';

const week = 7 * 86_400;
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
let db: Database;
beforeAll(async () => {
  db = await openLedger();
}, 60_000);
afterAll(() => db.close());
beforeEach(async () => {
  for (const table of ['tasks_live', 'tasks_finished', 'flows']) await db.query(`delete from ${table}`);
});

/** A day with its partition, ten days old. */
async function oldDay(): Promise<string> {
  const day = daysAgo(10);
  await db.tx((tx) =>
    tx.script(
      `create table tasks_finished_${day.replaceAll('-', '')} partition of tasks_finished for values from ('${day}') to ('${day} 23:00+00')`,
    ),
  );
  return `${day}T12:00:00Z`;
}

/** One finished task of each flow, accepted when it ended. */
const finish = (on: Queryable, flowIds: readonly string[], at: string, status = 'COMPLETED') =>
  on.query(
    `insert into tasks_finished (id, tenant_id, name, queue, status, priority, payload, attempts, deaths, epoch, accepted_at, due_at, finished_at, flow_id, dead_letter)
     select gen_random_uuid(), $2::uuid, 'noted', 'fast_tasks', $4::text, 5, '{}', 1, 0, 1, $3::timestamptz, $3::timestamptz, $3::timestamptz, flow_id, $4::text = 'FAILED'
       from unnest($1::uuid[]) as flow_id`,
    [flowIds, tenantId, at, status],
  );
const flowsLeft = async () =>
  (await db.query<{ id: string }>('select flow_id as id from tasks_finished order by 1')).map(({ id }) => id);

it('should keep those that are young of any number that are not', async () => {
  const day = await oldDay();
  const flows = Array.from({ length: 2500 }, () => randomUUID()).sort();
  await finish(db, flows, day);
  const young = [flows[3], flows[1200], flows[2499]].map((id) => id ?? '');
  await finish(db, young, new Date().toISOString());
  expect(await removeFinished(db, week)).toEqual({ partitions: 1, rows: 2497 });
  expect(await flowsLeft()).toEqual(young.flatMap((id) => [id, id]));
});

it.each(['lives', 'has ended again'])(
  'should keep one whose dead letter is retried after it was looked at, and %s',
  async (then) => {
    const day = await oldDay();
    const [flow, other] = [randomUUID(), randomUUID()];
    await db.query(
      'insert into flows (id, tenant_id, digest, task_ids) select id, $2::uuid, $3, $1 from unnest($1::uuid[]) as id',
      [[flow, other], tenantId, Buffer.from('x')],
    );
    await finish(db, [flow, other], day);
    await finish(db, [flow], day, 'FAILED');
    // between the look at the flows and the moment in which the day goes
    let looks = 0;
    const meanwhile: Database = {
      ...db,
      tx: (work) => db.tx(work),
      query: async (text, params) => {
        const rows = await db.query(text, params);
        if (text.includes('distinct flow_id') && looks === 0) {
          looks += 1;
          const ids = await db.tx((tx) => retryDeadLetters(tx, tenantId, {}, 10));
          expect(ids).toHaveLength(1);
          if (then === 'has ended again') await cancelTask(db, tenantId, ids[0] ?? '', 'test');
        }
        return rows as never;
      },
    };
    await removeFinished(meanwhile, week);
    expect(looks).toBe(1);
    expect(await flowsLeft()).toEqual(then === 'lives' ? [flow] : [flow, flow]);
  },
);
