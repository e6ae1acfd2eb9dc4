/** Postgres goes away under load, or has too few connections for it: no half effect, no answer that hides or invents a task. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { expect, it } from 'vitest';
import { recoveryFrom } from '../harness/checker.ts';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { openStage } from '../harness/stage.ts';

const seed = 20_261_141;
process.stdout.write(`seed ${seed}\n`);
/** Of which at least 2,000 are accepted: some are sent while the database is away. */
const tasks = 3000;
const loadMs = 14_000;
const awayMs = 3000;
const drainMs = 150_000;
const recoverySeconds = 15;
const exact = { lost: 0, unexpected: 0, doubled: 0, active: 0, torn: 0 };

const say = (row: string, figures: object) => process.stdout.write(`${row}: ${JSON.stringify(figures)}\n`);

interface Fault {
  readonly fault: string;
  readonly strike: (postgres: RunningPostgres) => Promise<void>;
}

const faults: readonly Fault[] = [
  { fault: 'stopped at once and started again', strike: (postgres) => postgres.stopAtOnce() },
  { fault: 'killed and started again', strike: (postgres) => postgres.kill() },
];

it.each(faults.map((row, place) => ({ ...row, seed: seed + place })))(
  'should lose, double and tear nothing, and accept nothing meanwhile, when Postgres is $fault',
  async ({ fault, strike, seed }) => {
    await using postgres = await postgresServer.start();
    await using stage = await openStage({ postgres });
    const api = await stage.start('api');
    const workers = await stage.startWorkers(2);
    const load = stage.load({ run: fault, seed, tasks, overMs: loadMs });
    await load.reached(0.4);
    await strike(postgres);
    const wentAt = Date.now();
    // sent while it is away: refused, and said so
    const answer = await stage.post('/v1/tasks', { task: 'sample_noop', payload: {} });
    const ready = await fetch(`${stage.url}/readyz`);
    const answeredMs = Date.now() - wentAt;
    await wait(Math.max(0, wentAt + awayMs - Date.now()));
    await postgres.startAgain();
    const moment = Date.now();
    const verdict = await load.verdict(drainMs);
    const recovery = recoveryFrom(moment, await load.ends());
    const answers = Object.fromEntries(load.answers);
    say(`Postgres ${fault}`, { ...recovery, awayMs: moment - wentAt, answeredMs, answers, ...verdict });
    expect(answer).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
    expect(ready.status).toBe(503);
    expect(verdict).toMatchObject({ ...exact, attempted: tasks });
    expect(verdict.acknowledged).toBeGreaterThanOrEqual(2000);
    // a 503 that says "nothing was accepted" is true
    expect(await load.refusedButKept()).toBe(0);
    expect(
      Object.keys(answers).filter((kind) => !/^(202|503 (database_unavailable|outcome_unknown))$/.test(kind)),
    ).toEqual([]);
    expect(recovery.r).toBeLessThanOrEqual(recoverySeconds);
    // none of them had to be started again
    for (const { child } of [api, ...workers]) expect(child.exitCode).toBeNull();
  },
);

const poolOfTwo = { SQLALCHEMY_POOL_SIZE: '2', SQLALCHEMY_MAX_OVERFLOW: '0', SQLALCHEMY_POOL_TIMEOUT: '5' };
const sideBySide = 100;

it('should neither hang nor lose a task when a hundred effects at once share a pool of two', async () => {
  await using postgres = await postgresServer.start();
  await using stage = await openStage({
    postgres,
    env: { ...poolOfTwo, CELERY_WORKER_AMOUNT: String(sideBySide) },
  });
  await stage.start('api');
  await stage.start('worker');
  const load = stage.load({ run: 'pool', seed: seed + 10, tasks: 2000, overMs: 3000 });
  const verdict = await load.verdict(drainMs);
  say('pool of two', { answers: Object.fromEntries(load.answers), ...verdict });
  expect(verdict).toMatchObject({ ...exact, attempted: 2000, acknowledged: 2000 });
});

it('should answer within 5 s and a bit that no connection came free, and take all in again once some do', async () => {
  await using postgres = await postgresServer.start();
  await using stage = await openStage({ postgres, env: poolOfTwo });
  await stage.start('api');
  const holder = new pg.Client({ connectionString: postgresUrl(postgres, await databaseOf(stage.db)) });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query('lock table tasks_live in access exclusive mode');
    const send = async (n: number) => {
      const sentAt = Date.now();
      // an id of its own: each wants a transaction, and so a connection
      const options = { task_id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` };
      const { status, body } = await stage.post('/v1/tasks', { task: 'sample_noop', payload: {}, options });
      return { status, body, ms: Date.now() - sentAt };
    };
    const sent = Array.from({ length: sideBySide }, (_, n) => send(n));
    // two wait for the lock, and all others for a connection
    const refused = await Promise.all(sent.map((one) => Promise.race([one, wait(waitedMs, undefined)])));
    const answered = refused.filter((one) => one !== undefined);
    await holder.query('commit');
    const all = await Promise.all(sent);
    const accepted = all.filter(({ status }) => status === 202).length;
    const longestMs = Math.max(...answered.map(({ ms }) => ms));
    say('pool exhausted', { answered: answered.length, longestMs, accepted });
    expect(answered.length).toBeGreaterThanOrEqual(sideBySide - 2);
    expect(longestMs).toBeLessThanOrEqual(waitedMs);
    for (const { status, body } of answered)
      expect({ status, body }).toMatchObject({ status: 503, body: { code: 'database_unavailable' } });
    const [{ n } = { n: -1 }] = await stage.db.query<{ n: number }>('select count(*)::int as n from tasks');
    expect(n).toBe(accepted);
    expect(await send(sideBySide)).toMatchObject({ status: 202 });
  } finally {
    await holder.end();
  }
});

/** The 5 s of the pool, and what a busy machine adds. */
const waitedMs = 9000;

async function databaseOf(db: { query<R extends object>(text: string): Promise<R[]> }): Promise<string> {
  const [row] = await db.query<{ name: string }>('select current_database() as name');
  return row?.name ?? '';
}

const postgresUrl = ({ user, password, host, port }: RunningPostgres, database: string) =>
  `postgres://${user}:${password}@${host}:${port}/${database}`;
