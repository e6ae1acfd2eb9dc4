/** Workers are replaced one after the other under load, as a rollout does: nobody notices but for a moment's delay. */
import { createInterface } from 'node:readline';
import { QueueEvents } from 'bullmq';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { queuePrefix } from '../../worker/queues.ts';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { type RunningRedis, redisServer } from '../harness/redis.ts';
import { openStage, type StageProcess } from '../harness/stage.ts';
import { until } from '../harness/until.ts';

const seed = 20_261_151;
const tasks = 2000;
const drainMs = 120_000;
const sleepingMs = 30_000;

let postgres: RunningPostgres;

beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  postgres = await postgresServer.start();
});
afterAll(() => postgres[Symbol.asyncDispose]());

/**
 * What fits: sleeps of a second; what does not: sleeps longer than any grace here. Few of both: the workers that stay have slots
 * left, so that what is measured is the restart and no lack of slots that the test itself brings about (docs/decisions/0026).
 */
const graceSeconds = 3;
const sleeps = { fits: { count: 6, ms: 1000 }, tooLong: { most: 24, ms: 12_000 } };
const exact = { unknown: 0, lost: 0, unexpected: 0, doubled: 0, active: 0, torn: 0 };
const rollingMs = 30_000;
/** Where `REDIS_HOST` puts the queues. */
const brokerDatabase = 1;
/** Of the load: what the workers take to be warm, and what is undisturbed before the first of them is asked to go. */
const warmShare = 0.15;
const undisturbedShare = 0.4;

/** Log lines of processes that say this, from now on. */
function linesSaying(text: string): { readonly watch: (started: StageProcess) => void; readonly count: () => number } {
  let count = 0;
  return {
    watch: ({ child }) => {
      if (!child.stdout) throw new Error('the process has no output to read');
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.includes(`"msg":"${text}"`)) count += 1;
      });
    },
    count: () => count,
  };
}

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

it('should finish what fits the grace period and hand back the rest when workers are replaced one by one', async () => {
  await using redis = await redisServer.start();
  await using stage = await openStage({ postgres, redis, env: { MILLRACE_GRACE_SECONDS: String(graceSeconds) } });
  await stage.start('api');
  const handedBack = linesSaying('task handed back');
  const startWorker = async () => {
    const worker = await stage.start('worker');
    handedBack.watch(worker);
    return worker;
  };
  const workers = await Promise.all([startWorker(), startWorker(), startWorker()]);
  let stalled = 0;
  await using events = await stalledEvents(redis, () => {
    stalled += 1;
  });
  const load = stage.load({ run: 'rolling', seed, tasks, overMs: rollingMs });
  await load.reached(warmShare);
  const undisturbedFrom = Date.now();
  await load.reached(undisturbedShare);
  const undisturbedTo = Date.now();
  const sleep = async (ms: number, count: number) => {
    const sent = Array.from({ length: count }, () => ({ task: 'sample_sleep', payload: { ms } }));
    expect(await stage.post('/v1/tasks/batch', { tasks: sent })).toMatchObject({ status: 202 });
  };
  // one after the other, until each worker has one that it cannot finish
  let tooLong = 0;
  await until('each worker sleeps', sleepingMs, async () => {
    const sleeping = await stage.db.query(
      `select worker from tasks_live where name = 'sample_sleep' and status = 'RUNNING' group by worker`,
    );
    if (sleeping.length < workers.length && tooLong < sleeps.tooLong.most) {
      await sleep(sleeps.tooLong.ms, 1);
      tooLong += 1;
    }
    return sleeping.length === workers.length;
  });
  await sleep(sleeps.fits.ms, sleeps.fits.count);
  /** Between one moment and the next, what was done with a worker. */
  const parts: { readonly what: 'draining' | 'starting'; readonly from: number; readonly to: number }[] = [];
  const restartsFrom = Date.now();
  for (const worker of workers) {
    const from = Date.now();
    expect(await worker.stop()).toBe(0);
    const stopped = Date.now();
    await startWorker();
    parts.push({ what: 'draining', from, to: stopped }, { what: 'starting', from: stopped, to: Date.now() });
  }
  const restartsTo = Date.now();
  const verdict = await load.verdict(drainMs);
  await until('all sleeps have ended', drainMs, async () => {
    return (await stage.db.query('select 1 from tasks_live limit 1')).length === 0;
  });

  const tookMs = (from: number, to: number, ends: Awaited<ReturnType<typeof load.ends>>) =>
    ends
      .filter(({ acceptedAt }) => acceptedAt >= from && acceptedAt < to)
      .map((end) => end.finishedAt - end.acceptedAt);
  const ends = await load.ends();
  const undisturbed = percentile(tookMs(undisturbedFrom, undisturbedTo, ends), 0.95);
  const restarting = percentile(tookMs(restartsFrom, restartsTo, ends), 0.95);
  const slept = await stage.db.query<{ ms: number; status: string; attempts: number; epoch: number }>(
    `select (payload ->> 'ms')::int as ms, status, attempts, epoch from tasks where name = 'sample_sleep'`,
  );
  const handBacks = slept.reduce((sum, { epoch }) => sum + (epoch - 1) / 2, 0);
  const during = (what: 'draining' | 'starting') =>
    percentile(
      parts.filter((part) => part.what === what).flatMap(({ from, to }) => tookMs(from, to, ends)),
      0.95,
    );
  const p95 = {
    undisturbed,
    restarting,
    ratio: Number((restarting / undisturbed).toFixed(2)),
    draining: during('draining'),
    starting: during('starting'),
  };
  const figures = { p95, restartsMs: restartsTo - restartsFrom, handBacks, stalled, ...verdict };
  process.stdout.write(`rolling restart: ${JSON.stringify(figures)}\n`);

  // nobody but the sleeps outlives a grace period: a claim more would be a takeover
  expect(verdict).toMatchObject({ ...exact, attempted: tasks, acknowledged: tasks, takenAgain: 0 });
  expect(slept).toHaveLength(sleeps.fits.count + tooLong);
  for (const { ms, epoch, ...ended } of slept) {
    expect(ended).toEqual({ status: 'COMPLETED', attempts: 1 });
    if (ms === sleeps.fits.ms) expect(epoch).toBe(1);
  }
  expect(handBacks).toBeGreaterThan(0);
  // each time that a claim was given up, a worker said that it handed it back
  expect(handedBack.count()).toBe(handBacks);
  expect(stalled).toBe(0);
  expect(events.closing).toBeUndefined();
});

/** BullMQ's own word for jobs whose lock was lost. */
async function stalledEvents(redis: RunningRedis, onStalled: () => void) {
  const { host, port, password } = redis;
  const events = new QueueEvents('fast_tasks', {
    connection: { host, port, password, db: brokerDatabase },
    prefix: queuePrefix('fast_tasks'),
  });
  events.on('stalled', onStalled);
  await events.waitUntilReady();
  return Object.assign(events, { [Symbol.asyncDispose]: () => events.close() });
}
