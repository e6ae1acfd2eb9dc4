/** Tasks that behave well and badly, for the suites of execution: loaded by the test and by the hosts that it starts. */
import { setTimeout as wait } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { z } from 'zod';
import { MillraceError, PermanentError } from '../../worker/errors.ts';
import { defineTask, fixedDelay, type RegisteredTask } from '../../worker/runtime/index.ts';

const queue = 'fast_tasks' as const;
const once = { retries: 0 };
const twice = { retries: 1, delaySeconds: fixedDelay(0.05), jitter: 0 };
const nothing = z.strictObject({});
const endlessMs = 600_000;

/** Where a handler ran. */
const here = () => `${process.pid}:${threadId}`;
/** What a task leaves behind in its thread or process. */
const leaked: unknown[] = [];
const mebibyte = 1024 * 1024;
/** Slow enough for whoever looks at the memory now and then. */
const pieceMb = 50;
const pieceMs = 100;

export const executionTasks: readonly RegisteredTask[] = [
  defineTask({
    name: 'where',
    queue,
    description: 'Says where it ran.',
    payload: z.strictObject({ text: z.string().optional() }),
    handle: async (ctx, { text }) => ({
      text,
      here: here(),
      pid: process.pid,
      attempt: ctx.attempt,
      tenant: ctx.tenantId,
    }),
  }),
  defineTask({
    name: 'gathers',
    queue,
    description: 'Returns the results of the tasks that it waited for.',
    payload: nothing,
    handle: async (ctx) => ({ here: here(), results: await ctx.results() }),
  }),
  defineTask({
    name: 'fails',
    queue,
    retry: twice,
    description: 'Fails in one of the ways.',
    payload: z.strictObject({ how: z.enum(['error', 'millrace', 'permanent', 'no_json']) }),
    handle: async (_ctx, { how }) => {
      if (how === 'error') throw new Error('it went wrong', { cause: new Error('deep down') });
      if (how === 'millrace') throw new MillraceError({ code: 'odd_number', message: 'Expected an even one.' });
      if (how === 'permanent') throw new PermanentError({ code: 'hopeless', message: 'No retry mends this.' });
      return 1n as unknown as number;
    },
  }),
  defineTask({
    name: 'effects',
    queue,
    retry: twice,
    description: 'Does an effect and a call outside, fails, and does them again.',
    payload: nothing,
    handle: async (ctx) => {
      const first = await ctx.effect('row', async (tx) => {
        await tx.query(`insert into sample_effects (task_id, run, n, attempt) values ($1, 'effects', 0, $2)`, [
          ctx.taskId,
          ctx.attempt,
        ]);
        const [child] = await ctx.enqueue(tx, [{ task: 'where', payload: { text: 'followed' } }]);
        return child?.id ?? '';
      });
      const called = await ctx.external('call', async (key) => ({ key, attempt: ctx.attempt }));
      if (ctx.attempt === 0) throw new Error('after the effect');
      return { followUp: first, called };
    },
  }),
  defineTask({
    name: 'half_effect',
    queue,
    retry: once,
    description: 'Fails in the middle of an effect.',
    payload: nothing,
    handle: async (ctx) => {
      await ctx.effect('row', async (tx) => {
        await tx.query(`insert into sample_effects (task_id, run, n, attempt) values ($1, 'half', 0, 0)`, [ctx.taskId]);
        throw new PermanentError({ code: 'half', message: 'In the middle.' });
      });
      return undefined;
    },
  }),
  defineTask({
    name: 'heeds',
    queue,
    timeLimitSeconds: 300,
    description: 'Reports, and waits until its signal is aborted.',
    payload: nothing,
    handle: async (ctx) => {
      ctx.progress({ step: 'waiting', fraction: 0.5 });
      await wait(endlessMs, undefined, { signal: ctx.signal });
      return undefined;
    },
  }),
  defineTask({
    name: 'heeds_limit',
    queue,
    timeLimitSeconds: 0.3,
    description: 'Waits until its time is over, and says why it stopped.',
    payload: nothing,
    handle: async (ctx) => {
      await wait(endlessMs, undefined, { signal: ctx.signal });
      return undefined;
    },
  }),
  defineTask({
    name: 'deaf',
    queue,
    timeLimitSeconds: 300,
    description: 'Reports, and waits without a look at its signal.',
    payload: nothing,
    handle: async (ctx) => {
      ctx.progress({ step: 'deaf', here: here() });
      await wait(endlessMs, undefined, { ref: false });
      return undefined;
    },
  }),
  defineTask({
    name: 'late_once',
    queue,
    timeLimitSeconds: 0.3,
    retry: { ...twice, timeouts: true },
    description: 'Is over its time limit at its first attempt, heeding its signal or not, or at each.',
    payload: z.strictObject({ how: z.enum(['heeds', 'deaf', 'busy', 'always']) }),
    handle: async (ctx, { how }) => {
      if (ctx.attempt > 0 && how !== 'always') return { attempt: ctx.attempt };
      if (how === 'busy') for (;;);
      await wait(endlessMs, undefined, how === 'deaf' ? { ref: false } : { signal: ctx.signal });
      return undefined;
    },
  }),
  defineTask({
    name: 'deaf_limit',
    queue,
    timeLimitSeconds: 0.3,
    description: 'The same over its time limit.',
    payload: nothing,
    handle: async () => {
      await wait(endlessMs, undefined, { ref: false });
      return undefined;
    },
  }),
  defineTask({
    name: 'busy',
    queue,
    timeLimitSeconds: 0.3,
    description: 'Never yields.',
    payload: nothing,
    handle: async () => {
      for (;;);
    },
  }),
  defineTask({
    name: 'lingers',
    queue,
    description: 'Takes a moment, and says where it ran.',
    payload: nothing,
    handle: async () => {
      await wait(500);
      return { here: here() };
    },
  }),
  defineTask({
    name: 'spins',
    queue,
    description: 'Says where it is, and never yields again.',
    payload: nothing,
    handle: async (ctx) => {
      ctx.progress({ pid: process.pid });
      await wait(1000);
      for (;;);
    },
  }),
  defineTask({
    name: 'computes',
    queue,
    isolation: { in: 'thread', database: false },
    description: 'Pure computation; with an effect when it is told to.',
    payload: z.strictObject({ ms: z.int(), effect: z.boolean() }),
    handle: async (ctx, { ms, effect }) => {
      if (effect) await ctx.effect('none', async () => true);
      const until = performance.now() + ms;
      while (performance.now() < until);
      return { here: here() };
    },
  }),
  defineTask({
    name: 'exits',
    queue,
    description: 'Ends what it runs in, but for the attempts after so many.',
    payload: z.strictObject({ times: z.int() }),
    handle: async (ctx, { times }) => {
      for (let death = 0; death < times; death += 1) {
        let first = false;
        await ctx.effect(`death ${death}`, async () => {
          first = true;
          return true;
        });
        if (first) process.exit(7);
      }
      return { here: here() };
    },
  }),
  defineTask({
    name: 'hoards',
    queue,
    description: 'Takes all the heap there is.',
    payload: nothing,
    handle: async () => {
      const all: number[][] = [];
      for (;;) all.push(Array.from({ length: 100_000 }, (_, n) => n + all.length + 0.5));
    },
  }),
  defineTask({
    name: 'leaks',
    queue,
    description: 'Keeps so many MB for ever, a piece at a time.',
    payload: z.strictObject({ mb: z.int() }),
    handle: async (_ctx, { mb }) => {
      for (let left = mb; left > 0; left -= pieceMb) {
        leaked.push(Buffer.alloc(Math.min(left, pieceMb) * mebibyte, 1));
        await wait(pieceMs);
      }
      return { here: here() };
    },
  }),
];
