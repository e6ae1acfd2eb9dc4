/** Workers that run flows are killed at each boundary: every task of every flow takes effect once, after those before it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { endOf, openStage } from '../harness/stage.ts';
import { until } from '../harness/until.ts';

const flows = 60;
/** Until a process has come to its failpoint. */
const dyingMs = 60_000;
/** The leases of the dead (30 s), a sweep, and what else is left. */
const drainMs = 150_000;

let postgres: RunningPostgres;
beforeAll(async () => {
  postgres = await postgresServer.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

it('should finish every flow, each task once and after its parents, when workers are killed in the middle', async () => {
  await using stage = await openStage({ postgres });
  await stage.start('api');
  const boundaries = ['claimed:40', 'effect_committed:50', 'end_committed:60'];
  const dying = await Promise.all(
    boundaries.map((failpoint) => stage.start('worker', { MILLRACE_FAILPOINT: failpoint })),
  );
  const run = randomUUID();
  let n = 0;
  const effect = () => {
    n += 1;
    return { task: 'sample_effect', payload: { run, n } };
  };
  for (let flow = 0; flow < flows; flow += 1) {
    const answer = await stage.post('/v1/flows', {
      flow: { chain: [effect(), { group: [effect(), effect(), { chain: [effect(), effect()] }] }, effect(), effect()] },
    });
    expect(answer.status).toBe(202);
  }
  await Promise.all(dying.map((worker) => endOf(worker, dyingMs)));
  await stage.start('worker');
  await until('all flows have ended', drainMs, async () => {
    const left = await stage.db.query('select 1 from tasks_live limit 1');
    return left.length === 0;
  });
  const ended = await stage.db.query<{ status: string; count: number }>(
    'select status, count(*)::int as count from tasks where flow_id is not null group by status',
  );
  const effects = await stage.db.query<{ rows: number }>(
    'select count(*)::int as rows from sample_effects where run = $1 group by task_id',
    [run],
  );
  const early = await stage.db.query(
    `select l.child_id from task_links l join sample_effects parent on parent.task_id = l.parent_id
       join sample_effects child on child.task_id = l.child_id where child.created_at < parent.created_at`,
  );
  process.stdout.write(
    `flows over kills: ${JSON.stringify({ ended, effects: effects.length, early: early.length })}\n`,
  );
  expect(ended).toEqual([{ status: 'COMPLETED', count: flows * 7 }]);
  expect(effects).toHaveLength(flows * 7);
  expect(effects.every(({ rows }) => rows === 1)).toBe(true);
  expect(early).toEqual([]);
});
