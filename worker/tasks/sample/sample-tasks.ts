/** Tasks for load and fault tests, there when MILLRACE_SAMPLE_TASKS=true. */
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { defineTask, fixedDelay, type RegisteredTask } from '../../runtime/index.ts';

const retry = { retries: 5, delaySeconds: fixedDelay(1), jitter: 0 };
const queue = 'fast_tasks' as const;
const maxMs = 3_600_000;
const milliseconds = z.strictObject({ ms: z.int().min(0).max(maxMs) });
const times = z.strictObject({ times: z.int().min(0).max(1000) });
const numbered = z.strictObject({ run: z.string().min(1).max(200), n: z.int() });

function busyFor(ms: number): number {
  const until = performance.now() + ms;
  let rounds = 0;
  while (performance.now() < until) rounds += 1;
  return rounds;
}

export const sampleTasks: readonly RegisteredTask[] = [
  defineTask({
    name: 'sample_noop',
    queue,
    retry,
    description: 'Does nothing.',
    payload: z.strictObject({}),
    handle: async () => undefined,
  }),
  defineTask({
    name: 'sample_clock',
    queue,
    retry,
    description: 'Returns when its handler was entered, by the wall clock of its process, in milliseconds.',
    payload: numbered,
    handle: async () => ({ entered_ms: performance.timeOrigin + performance.now() }),
  }),
  defineTask({
    name: 'sample_sleep',
    queue,
    retry,
    description: 'Waits, as a task does that waits for the network.',
    payload: milliseconds,
    handle: async (ctx, { ms }) => {
      await wait(ms, undefined, { signal: ctx.signal });
      return undefined;
    },
  }),
  defineTask({
    name: 'sample_deaf',
    queue,
    retry,
    description: 'Waits without a look at its signal; its time limit is a second.',
    timeLimitSeconds: 1,
    payload: milliseconds,
    handle: async (_ctx, { ms }) => {
      await wait(ms, undefined, { ref: false });
      return undefined;
    },
  }),
  defineTask({
    name: 'sample_block',
    queue,
    retry,
    description: 'Keeps the event loop of its worker busy, as a handler does that never yields.',
    payload: milliseconds,
    handle: async (_ctx, { ms }) => ({ rounds: busyFor(ms) }),
  }),
  defineTask({
    name: 'sample_stuck',
    queue,
    retry,
    description: 'Keeps the event loop of its worker busy past its time limit, which is a second.',
    timeLimitSeconds: 1,
    payload: milliseconds,
    handle: async (_ctx, { ms }) => ({ rounds: busyFor(ms) }),
  }),
  defineTask({
    name: 'sample_cpu',
    queue,
    retry,
    description: 'Keeps its thread busy.',
    isolation: { in: 'thread', database: false },
    payload: milliseconds,
    handle: async (_ctx, { ms }) => ({ rounds: busyFor(ms) }),
  }),
  defineTask({
    name: 'sample_fail',
    queue,
    retry,
    description: 'Fails so many times, then succeeds.',
    payload: times,
    handle: async (ctx, { times }) => {
      if (ctx.attempt < times) throw new Error(`failing on purpose, ${ctx.attempt + 1} of ${times}`);
      return { attempts: ctx.attempt + 1 };
    },
  }),
  defineTask({
    name: 'sample_crash',
    queue,
    retry,
    description: 'Kills its own process so many times, then succeeds.',
    payload: times,
    handle: async (ctx, { times }) => {
      for (let death = 0; death < times; death += 1) {
        let first = false;
        await ctx.effect(`death ${death}`, async () => {
          first = true;
          return true;
        });
        if (first) process.kill(process.pid, 'SIGKILL');
      }
      return { deaths: times };
    },
  }),
  defineTask({
    name: 'sample_effect',
    queue,
    retry,
    description: 'Writes one row into sample_effects, as an effect.',
    payload: numbered,
    handle: async (ctx, { run, n }) => {
      await ctx.effect('row', async (tx) => {
        await tx.query('insert into sample_effects (task_id, run, n, attempt) values ($1, $2, $3, $4)', [
          ctx.taskId,
          run,
          n,
          ctx.attempt,
        ]);
        return true;
      });
      return undefined;
    },
  }),
];
