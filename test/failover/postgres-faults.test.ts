/** Postgres goes away under load, or has too few connections for it: no half effect, no answer that hides or invents a task. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { expect, it } from 'vitest';
import { postgresServer, type RunningPostgres } from '../harness/postgres.ts';
import { openStage } from '../harness/stage.ts';
import { startTopology } from '../harness/topologies.ts';
import { postgresFaults } from './postgres-faults.ts';

const seed = 20_261_141;
process.stdout.write(`seed ${seed}\n`);
const drainMs = 150_000;
const exact = { lost: 0, unexpected: 0, doubled: 0, active: 0, torn: 0 };

const say = (row: string, figures: object) => process.stdout.write(`${row}: ${JSON.stringify(figures)}\n`);

it.each(postgresFaults.map((row, place) => ({ ...row, seed: seed + place })))(
  'should $promise',
  async ({ stand, seed }) => {
    await using postgres = await postgresServer.start();
    await using redis = await startTopology('standalone');
    await stand({ postgres, redis }, seed);
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
