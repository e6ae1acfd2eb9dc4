/** How Postgres goes away under load, and within what all goes on: no half effect, no answer that hides or invents a task. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import { recoveryFrom } from '../harness/checker.ts';
import type { RunningPostgres } from '../harness/postgres.ts';
import { openStage } from '../harness/stage.ts';
import type { FaultRow } from './fault-row.ts';

/** Of which at least 2,000 are accepted: some are sent while the database is away. */
const tasks = 3000;
const loadMs = 14_000;
const awayMs = 3000;
const drainMs = 150_000;
const recoverySeconds = 15;
const exact = { lost: 0, unexpected: 0, doubled: 0, active: 0, torn: 0 };

const say = (row: string, figures: object) => process.stdout.write(`${row}: ${JSON.stringify(figures)}\n`);

const away =
  (fault: string, strike: (postgres: RunningPostgres) => Promise<void>): FaultRow['stand'] =>
  async ({ postgres, redis }, seed) => {
    await using stage = await openStage({ postgres, redis });
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
  };

const outcome = (fault: string) =>
  `lose, double and tear nothing, and accept nothing meanwhile, when Postgres is ${fault}`;

export const postgresFaults: readonly FaultRow[] = [
  { fault: 'stopped at once and started again', strike: (postgres: RunningPostgres) => postgres.stopAtOnce() },
  { fault: 'killed and started again', strike: (postgres: RunningPostgres) => postgres.kill() },
].map(({ fault, strike }) => ({ promise: outcome(fault), stand: away(fault, strike) }));
