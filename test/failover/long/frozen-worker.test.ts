/** A worker stands still for longer than its leases and then goes on: nothing that it still writes is let in. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recoveryFrom } from '../../harness/checker.ts';
import { postgresServer, type RunningPostgres } from '../../harness/postgres.ts';
import { openStage, type Stage, type StageProcess } from '../../harness/stage.ts';
import { until } from '../../harness/until.ts';

const seed = 20_261_321;
const tasks = 10_000;
const stillMs = 60_000;
const loadMs = 40_000;
const drainMs = 240_000;
const takenOverSeconds = 45;
const exact = { attempted: tasks, acknowledged: tasks, lost: 0, unexpected: 0, doubled: 0, active: 0, torn: 0 };

let postgres: RunningPostgres;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  postgres = await postgresServer.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

const say = (row: string, figures: object) => process.stdout.write(`${row}: ${JSON.stringify(figures)}\n`);

/** Runs that a process of this id holds now. */
const heldBy = async ({ db }: Stage, { pid }: StageProcess): Promise<{ id: string; name: string; epoch: number }[]> =>
  db.query(`select id, name, epoch from tasks_live where status = 'RUNNING' and worker like '%:' || $1::text`, [
    String(pid),
  ]);

it('should refuse what a worker writes that was stopped for 60 s and then goes on', async () => {
  await using stage = await openStage({ postgres });
  await stage.start('api');
  const [frozen] = await Promise.all([stage.start('worker'), stage.start('worker')]);
  const load = stage.load({ run: 'frozen', seed, tasks, overMs: loadMs });
  await load.reached(0.2);
  let held: Awaited<ReturnType<typeof heldBy>> = [];
  await until('it is stopped in the middle of runs', loadMs, async () => {
    frozen.child.kill('SIGSTOP');
    held = await heldBy(stage, frozen);
    if (held.length === 0) frozen.child.kill('SIGCONT');
    return held.length > 0;
  });
  const moment = Date.now();
  await wait(stillMs);
  frozen.child.kill('SIGCONT');
  const continuedAt = Date.now();
  const verdict = await load.verdict(drainMs);
  const ended = await stage.db.query<{ id: string; epoch: number; finished_at: Date }>(
    'select id, epoch, finished_at from tasks where id = any ($1::uuid[])',
    [held.map(({ id }) => id)],
  );
  const againAfter = Math.max(...ended.map(({ finished_at }) => (finished_at.getTime() - moment) / 1000));
  const { repair } = recoveryFrom(moment, await load.ends());
  say('worker stopped for 60 s', { held: held.length, againAfter, repair, ...verdict });
  expect(verdict).toMatchObject(exact);
  // all that it held was taken over, and had ended in the other worker before it went on
  for (const { id, epoch } of held) expect(ended.find((row) => row.id === id)?.epoch).toBeGreaterThan(epoch);
  expect(againAfter).toBeLessThanOrEqual(takenOverSeconds);
  expect(continuedAt - moment).toBeGreaterThanOrEqual(stillMs);
  // it is of use again
  expect(frozen.child.exitCode).toBeNull();
  const after = stage.load({ run: 'after', seed: seed + 1, tasks: 500, overMs: 2000 });
  expect(await after.verdict(drainMs)).toMatchObject({ ...exact, attempted: 500, acknowledged: 500 });
});

it('should take over from a worker whose loop a handler keeps busy for 60 s', async () => {
  await using stage = await openStage({ postgres });
  await stage.start('api');
  await stage.startWorkers(2);
  const load = stage.load({ run: 'busy loop', seed: seed + 2, tasks, overMs: loadMs });
  await load.reached(0.2);
  expect(await stage.post('/v1/tasks', { task: 'sample_block', payload: { ms: stillMs } })).toMatchObject({
    status: 202,
  });
  let blocked: { worker: string; started_at: Date } | undefined;
  await until('a worker is blocked', loadMs, async () => {
    [blocked] = await stage.db.query<{ worker: string; started_at: Date }>(
      `select worker, started_at from tasks_live where name = 'sample_block' and status = 'RUNNING'`,
    );
    return blocked !== undefined;
  });
  const moment = blocked?.started_at.getTime() ?? Number.NaN;
  const verdict = await load.verdict(drainMs);
  const { repair } = recoveryFrom(moment, await load.ends());
  await until('the busy handler has ended too', drainMs, async () => {
    const [row] = await stage.db.query<{ status: string }>(`select status from tasks where name = 'sample_block'`);
    return row?.status === 'COMPLETED';
  });
  const [busy] = await stage.db.query<{ epoch: number; attempts: number }>(
    `select epoch, attempts from tasks where name = 'sample_block'`,
  );
  say('loop blocked for 60 s', { repair, busy, ...verdict });
  expect(verdict).toMatchObject(exact);
  expect(repair).toBeLessThanOrEqual(takenOverSeconds);
  // taken over once, and its first end refused: that run held epoch 1
  expect(busy).toEqual({ epoch: 3, attempts: 1 });
});
