/**
 * Deaths at random statements, one life after another: whatever was accepted ends, and its effects are there once. The waits of
 * real life (lease, lock, the reconciler's grace) are cut short between two lives; that they are waited for is shown elsewhere.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTask, fixedDelay } from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';
import { type Death, mortal } from '../../harness/mortal.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';
import { until } from '../../harness/until.ts';

const seed = 20_261_121;
const runs = 12;
const perLife = 8;
const queue = 'fast_tasks';
const retry = { retries: 3, delaySeconds: fixedDelay(0), jitter: 0 };

/** Two effects each; the second kind fails once between them. */
const define = (name: string, fails: boolean) =>
  defineTask({
    name,
    queue,
    retry,
    description: name,
    payload: z.strictObject({ run: z.string() }),
    handle: async (ctx, { run }) => {
      for (const n of [0, 1]) {
        await ctx.effect(`step ${n}`, async (tx) => {
          await tx.query('insert into sample_effects (task_id, run, n, attempt) values ($1, $2, $3, $4)', [
            ctx.taskId,
            run,
            n,
            ctx.attempt,
          ]);
          return n;
        });
        if (fails && n === 0 && ctx.attempt === 0) throw new Error('fails once, on purpose');
      }
      return { done: true };
    },
  });
const tasks = [define('steady', false), define('stumbling', true)];

let database: TestDatabase;
let redis: RunningRedis;
beforeAll(async () => {
  process.stdout.write(`seed ${seed}\n`);
  database = await (await databaseKinds.pglite()).open();
  redis = await redisServer.start();
});
afterAll(async () => {
  await redis[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

interface Life extends Death {
  /** Redis is empty when the next life begins. */
  readonly wiped: boolean;
}

const life: fc.Arbitrary<Life> = fc.record({
  statement: fc.nat(90),
  done: fc.boolean(),
  wiped: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
});

/** What a life sends: alone, in a batch, in one transaction with a mark of the caller's own. */
async function send(runtime: TestRuntime, run: string, attempted: Set<string>, accepted: Set<string>): Promise<void> {
  const requests = Array.from({ length: perLife }, (_, place) => ({
    task: place % 2 === 0 ? 'steady' : 'stumbling',
    payload: { run },
    tenantId,
    options: { taskId: randomUUID() },
  }));
  for (const { options } of requests) attempted.add(options.taskId);
  const half = perLife / 2;
  const groups = [...requests.slice(0, half).map((one) => [one]), requests.slice(half)];
  for (const group of groups) {
    try {
      for (const { id } of await runtime.enqueuer.batch(group)) accepted.add(id);
    } catch {
      // attempted, unknown
    }
  }
}

/** Lets the time go by that the next life would have to wait for. */
async function later(): Promise<void> {
  const { db } = database;
  await db.query(`update tasks_live set lease_until = now() - interval '1 second' where status = 'RUNNING'`);
  await db.query(`update tasks_live set queued_at = queued_at - interval '1 minute' where status = 'QUEUED'`);
}

it('should lose and double nothing, at whatever statements processes die', { timeout: 280_000 }, async () => {
  const { db } = database;
  const schedules = fc.array(life, { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(schedules, async (lives) => {
      const run = randomUUID();
      const attempted = new Set<string>();
      const accepted = new Set<string>();
      for (const { wiped, ...death } of lives) {
        const died = Promise.withResolvers<void>();
        const dying = startRuntime({ db: mortal(db, death, died.resolve), redis, tasks });
        await send(dying, run, attempted, accepted);
        await died.promise;
        dying.sever();
        await dying[Symbol.asyncDispose]();
        if (wiped) await redis.server.call('flushall');
        await later();
      }
      await using last = startRuntime({ db, redis, tasks });
      await last.broker.whenReady(5000);
      await last.broker.declareStalled();
      await until(`all tasks of ${JSON.stringify(lives)} have ended`, 60_000, async () => {
        await later();
        const [row] = await db.query<{ n: number }>(
          `select count(*)::int as n from tasks_live where payload ->> 'run' = $1`,
          [run],
        );
        return row?.n === 0;
      });
      const rows = await db.query<{ id: string; status: string }>(
        `select id, status from tasks where payload ->> 'run' = $1`,
        [run],
      );
      const effects = await db.query<{ task_id: string; n: number; rows: number }>(
        'select task_id, n, count(*)::int as rows from sample_effects where run = $1 group by task_id, n',
        [run],
      );
      expect(rows.filter(({ status }) => status !== 'COMPLETED')).toEqual([]);
      const ids = new Set(rows.map(({ id }) => id));
      expect([...accepted].filter((id) => !ids.has(id))).toEqual([]);
      expect([...ids].filter((id) => !attempted.has(id))).toEqual([]);
      expect(effects.filter((effect) => effect.rows !== 1)).toEqual([]);
      expect(effects).toHaveLength(ids.size * 2);
    }),
    { seed, numRuns: runs, endOnFailure: true },
  );
});
