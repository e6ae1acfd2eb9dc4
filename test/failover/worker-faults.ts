/** How worker processes die under load, and within what what they held is taken up again. */
import { hostname } from 'node:os';
import { expect } from 'vitest';
import type { Database } from '../../worker/db/index.ts';
import { recoveryFrom } from '../harness/checker.ts';
import { endOf, openStage, type StageProcess } from '../harness/stage.ts';
import { until } from '../harness/until.ts';
import type { FaultRow } from './fault-row.ts';

const tasks = 2000;
/** Until a process has come to its failpoint. */
const dyingMs = 60_000;
/** The leases of the dead (30 s), a sweep, and what else is left. */
const drainMs = 150_000;
const takenUpSeconds = 45;
const exact = {
  attempted: tasks,
  acknowledged: tasks,
  unknown: 0,
  lost: 0,
  unexpected: 0,
  doubled: 0,
  active: 0,
  torn: 0,
};

const say = (row: string, figures: object) => process.stdout.write(`${row}: ${JSON.stringify(figures)}\n`);

/** What a process that is dead now was running, and how many of those had their effect. */
async function heldBy(db: Database, { pid }: StageProcess): Promise<{ ids: string[]; effected: number }> {
  const rows = await db.query<{ id: string; effected: boolean }>(
    `select id, exists (select from sample_effects where task_id = id) as effected from tasks_live
      where status = 'RUNNING' and worker = $1`,
    [`${hostname()}:${pid}`],
  );
  return { ids: rows.map(({ id }) => id), effected: rows.filter(({ effected }) => effected).length };
}

/** Waits for the end of all tasks, those beside the load among them. */
const nothingLeft = (db: Database): Promise<void> =>
  until('all tasks have ended', drainMs, async () => {
    const [live] = await db.query<{ n: number }>('select count(*)::int as n from tasks_live');
    return live?.n === 0;
  });

const killedAtBoundaries: FaultRow['stand'] = async (servers, seed) => {
  await using stage = await openStage(servers);
  await stage.start('api');
  await stage.start('worker');
  // counts apart from each other, so that they die one after the other
  const boundaries = ['claimed:60', 'effect_committed:70', 'fetched:80', 'end_committed:90'];
  const dying = await Promise.all(
    boundaries.map((failpoint) => stage.start('worker', { MILLRACE_FAILPOINT: failpoint })),
  );
  const load = stage.load({ run: 'boundaries', seed, tasks, overMs: 16_000 });
  const deaths = await Promise.all(
    dying.map(async (worker, place) => {
      const at = await endOf(worker, dyingMs);
      return { failpoint: boundaries[place], at, signal: worker.child.signalCode, ...(await heldBy(stage.db, worker)) };
    }),
  );
  const verdict = await load.verdict(drainMs);
  const ends = await stage.db.query<{ id: string; finished_at: Date }>('select id, finished_at from tasks');
  const endedAt = new Map(ends.map(({ id, finished_at }) => [id, finished_at.getTime()]));
  const figures = deaths.map(({ failpoint, at, signal, ids, effected }) => ({
    failpoint,
    signal,
    held: ids.length,
    effected,
    againAfter: Math.max(0, ...ids.map((id) => ((endedAt.get(id) ?? Number.NaN) - at) / 1000)),
  }));
  const lastDeath = Math.max(...deaths.map(({ at }) => at));
  const { repair } = recoveryFrom(lastDeath, await load.ends());
  say('workers killed', { figures, repair, ...verdict });
  expect(verdict).toMatchObject(exact);
  for (const { signal, againAfter } of figures) {
    expect(signal).toBe('SIGKILL');
    expect(againAfter).toBeLessThanOrEqual(takenUpSeconds);
  }
  // what was fetched and not claimed, or ended and not acknowledged, was held in Redis alone
  expect(repair).toBeLessThanOrEqual(takenUpSeconds);
  // else the kills struck nothing
  expect(figures[0]?.held).toBeGreaterThan(0);
  expect(figures[1]?.effected).toBeGreaterThan(0);
};

const killedWithPulled: FaultRow['stand'] = async (servers, seed) => {
  await using stage = await openStage(servers);
  // few are let into Redis before there is a worker: the rest is the backlog
  const env = { MILLRACE_WINDOW: '50' };
  await stage.start('api', env);
  const load = stage.load({ run: 'backlog', seed, tasks, overMs: 4000 });
  await load.reached(1);
  const boundaries = ['pulled:100', 'effect_committed:350', 'end_committed:400'];
  const deaths = [];
  for (const failpoint of boundaries) {
    const worker = await stage.start('worker', { ...env, MILLRACE_FAILPOINT: failpoint });
    const at = await endOf(worker, dyingMs);
    const { ids } = await heldBy(stage.db, worker);
    const pulled = await stage.db.query('select from tasks_live where id = any ($1::uuid[]) and queued_at is null', [
      ids,
    ]);
    deaths.push({ failpoint, at, signal: worker.child.signalCode, held: ids.length, pulled: pulled.length });
  }
  await stage.start('worker', env);
  const verdict = await load.verdict(drainMs);
  const { repair } = recoveryFrom(deaths.at(-1)?.at ?? Number.NaN, await load.ends());
  say('workers killed that pulled', { deaths, repair, ...verdict });
  expect(verdict).toMatchObject(exact);
  for (const { signal } of deaths) expect(signal).toBe('SIGKILL');
  expect(repair).toBeLessThanOrEqual(takenUpSeconds);
  // what it dies of is a task that it has pulled
  expect(deaths[0]?.pulled).toBeGreaterThan(0);
};

const relayKilled: FaultRow['stand'] = async (servers, seed) => {
  await using stage = await openStage(servers);
  await stage.start('api');
  // its relay serves all queues; without runs of its own only the handover is cut off
  const dying = await stage.start('worker', { CELERY_QUEUES: 'mail', MILLRACE_FAILPOINT: 'marked_queued:3' });
  await stage.start('worker');
  // what is not due when it is accepted is the relay's
  const load = stage.load({ run: 'relay', seed, tasks, overMs: 8000, countdownSeconds: 0.3 });
  const moment = await endOf(dying, dyingMs);
  expect(dying.child.signalCode).toBe('SIGKILL');
  const verdict = await load.verdict(drainMs);
  const { repair } = recoveryFrom(moment, await load.ends());
  say('relay killed', { repair, ...verdict });
  expect(verdict).toMatchObject(exact);
  expect(repair).toBeLessThanOrEqual(takenUpSeconds);
};

const allKilled: FaultRow['stand'] = async (servers, seed) => {
  await using stage = await openStage(servers);
  await stage.start('api');
  const workers = await stage.startWorkers(3, { CELERY_WORKER_AMOUNT: '5' });
  const load = stage.load({ run: 'all killed', seed, tasks, overMs: 10_000 });
  await load.reached(0.4);
  // so that each of them dies in the middle of something: two have not slots enough for all
  const sleeps = Array.from({ length: 12 }, () => ({ task: 'sample_sleep', payload: { ms: 5000 } }));
  expect(await stage.post('/v1/tasks/batch', { tasks: sleeps })).toMatchObject({ status: 202 });
  const running = `select worker from tasks_live where name = 'sample_sleep' and status = 'RUNNING'`;
  await until('all workers sleep', dyingMs, async () => {
    const sleeping = new Set((await stage.db.query<{ worker: string }>(running)).map(({ worker }) => worker));
    return sleeping.size === workers.length;
  });
  const moment = Date.now();
  await Promise.all(workers.map((worker) => worker.kill()));
  const struck = (await stage.db.query(running)).length;
  await stage.startWorkers(3);
  const verdict = await load.verdict(drainMs);
  await nothingLeft(stage.db);
  const recovery = recoveryFrom(moment, await load.ends());
  const slept = await stage.db.query<{ status: string; attempts: number; epoch: number; finished_at: Date }>(
    `select status, attempts, epoch, finished_at from tasks where name = 'sample_sleep'`,
  );
  const sleepsAgainAfter = Math.max(...slept.map(({ finished_at }) => (finished_at.getTime() - moment) / 1000));
  say('all workers killed', { ...recovery, struck, sleepsAgainAfter, ...verdict });
  expect(verdict).toMatchObject(exact);
  expect(struck).toBeGreaterThanOrEqual(workers.length);
  expect(slept.filter(({ epoch }) => epoch > 1)).toHaveLength(struck);
  for (const { status, attempts } of slept) expect({ status, attempts }).toEqual({ status: 'COMPLETED', attempts: 1 });
  expect(recovery.r).toBeLessThanOrEqual(60);
  expect(recovery.repair).toBeLessThanOrEqual(60);
};

export const workerFaults: readonly FaultRow[] = [
  {
    promise: 'take tasks up again within 45 s when workers are killed at each boundary between two steps',
    stand: killedAtBoundaries,
  },
  {
    promise: 'take up again within 45 s what workers had pulled from the backlog when they were killed',
    stand: killedWithPulled,
  },
  {
    promise: 'hand over again within 45 s what a relay had marked when it was killed',
    stand: relayKilled,
  },
  {
    promise: 'go on within 60 s when all workers are killed and started again',
    stand: allKilled,
  },
];
