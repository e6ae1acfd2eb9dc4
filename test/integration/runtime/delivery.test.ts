import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Database } from '../../../worker/db/index.ts';
import { PermanentError } from '../../../worker/errors.ts';
import { queuePrefix } from '../../../worker/queues.ts';
import {
  cancelTask,
  defineTask,
  fixedDelay,
  type RegisteredTask,
  readTask,
  retryDeadLetters,
} from '../../../worker/runtime/index.ts';
import { defaultTenantId as tenantId } from '../../../worker/services/tenants/tenants.ts';
import { type DatabaseKind, databaseKinds, databaseNames, type TestDatabase } from '../../harness/databases.ts';
import { type RunningRedis, redisServer } from '../../harness/redis.ts';
import { startRuntime, type TestRuntime } from '../../harness/runtime.ts';

const queue = 'fast_tasks' as const;
const quick = { retries: 2, delaySeconds: fixedDelay(0.05), jitter: 0 };

/** Each waits for its gate, so that a test decides when a handler goes on. */
const gates = new Map<string, PromiseWithResolvers<void>>();
const gate = (name: string) => {
  const known = gates.get(name) ?? Promise.withResolvers<void>();
  gates.set(name, known);
  return known;
};

const tasks: RegisteredTask[] = [
  defineTask({
    name: 'echo',
    queue,
    description: 'Returns its payload.',
    payload: z.strictObject({ text: z.string() }),
    handle: async (ctx, { text }) => ({ text, attempt: ctx.attempt }),
  }),
  defineTask({
    name: 'flaky',
    queue,
    retry: quick,
    description: 'Fails so many times.',
    payload: z.strictObject({ times: z.int() }),
    handle: async (ctx, { times }) => {
      const first = await ctx.effect('once', async () => ctx.attempt);
      if (ctx.attempt < times) throw new Error(`attempt ${ctx.attempt} fails`);
      return { first, attempt: ctx.attempt };
    },
  }),
  defineTask({
    name: 'hopeless',
    queue,
    retry: quick,
    description: 'Fails for good.',
    payload: z.strictObject({}),
    handle: async () => {
      throw new PermanentError({ code: 'hopeless', message: 'No retry mends this.' });
    },
  }),
  defineTask({
    name: 'endless',
    queue,
    timeLimitSeconds: 0.3,
    description: 'Never ends by itself.',
    payload: z.strictObject({}),
    handle: (ctx) =>
      new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))),
  }),
  defineTask({
    name: 'gated',
    queue,
    description: 'Waits for its gate or its signal.',
    payload: z.strictObject({ gate: z.string() }),
    handle: async (ctx, payload) => {
      gate(`${payload.gate} entered`).resolve();
      await Promise.race([
        gate(payload.gate).promise,
        new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))),
      ]);
      await ctx.effect('after the gate', async (tx) => {
        await tx.query(`insert into sample_effects (task_id, run, n, attempt) values ($1, 'gated', 0, $2)`, [
          ctx.taskId,
          ctx.attempt,
        ]);
        return true;
      });
      return { done: true };
    },
  }),
];

describe.each(databaseNames)('delivery on %s', (kind) => {
  let server: DatabaseKind;
  let database: TestDatabase;
  let db: Database;
  let redis: RunningRedis;
  let runtime: TestRuntime;

  beforeAll(async () => {
    gates.clear();
    server = await databaseKinds[kind]();
    database = await server.open();
    db = database.db;
    redis = await redisServer.start();
    runtime = startRuntime({ db, redis, tasks });
  });
  afterAll(async () => {
    await runtime[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  const send = (task: string, payload: { [key: string]: string | number }, options = {}) =>
    runtime.enqueuer.one({ task, payload, tenantId, options });
  const effectsOf = async (id: string) =>
    (await db.query<{ n: number }>('select count(*)::int as n from sample_effects where task_id = $1', [id]))[0]?.n;

  it('should run an accepted task once and keep its result', async () => {
    const { id } = await send('echo', { text: 'hello' });
    const row = await runtime.ended(id);
    expect(row).toMatchObject({ status: 'COMPLETED', result: { text: 'hello', attempt: 0 }, attempts: 1, epoch: 1 });
    expect(row.started_at).toBeInstanceOf(Date);
  });

  it('should run a batch of 1,000, all of them', async () => {
    const accepted = await runtime.enqueuer.batch(
      Array.from({ length: 1000 }, (_, n) => ({ task: 'echo', payload: { text: `${n}` }, tenantId })),
    );
    const rows = await Promise.all(accepted.map(({ id }) => runtime.ended(id, 60_000)));
    expect(rows.filter((row) => row.status === 'COMPLETED')).toHaveLength(1000);
    expect(new Set(rows.map((row) => JSON.stringify(row.result))).size).toBe(1000);
  });

  it('should accept nothing of a batch with one bad payload', async () => {
    const before = await db.query('select id from tasks');
    const bad = [{ text: 'fine' }, { text: 7 }].map((payload) => ({ task: 'echo', payload, tenantId }));
    await expect(runtime.enqueuer.batch(bad)).rejects.toMatchObject({ code: 'payload_invalid' });
    expect(await db.query('select id from tasks')).toHaveLength(before.length);
  });

  it('should retry with the errors kept, and not repeat an effect that was done', async () => {
    const { id } = await send('flaky', { times: 2 });
    const row = await runtime.ended(id);
    expect(row).toMatchObject({ status: 'COMPLETED', attempts: 3, result: { first: 0, attempt: 2 } });
    expect(row.error_history.map((error) => error.attempt)).toEqual([0, 1]);
  });

  it('should end spent attempts as FAILED with a dead letter that can be retried in its own row', async () => {
    const { id } = await send('flaky', { times: 4 });
    const failed = await runtime.ended(id);
    expect(failed).toMatchObject({ status: 'FAILED', attempts: 3, dead_letter: true });
    expect(failed.error_history).toHaveLength(3);
    await db.tx((tx) => retryDeadLetters(tx, tenantId, { id }, 10));
    const again = await runtime.ended(id);
    expect(again).toMatchObject({ status: 'FAILED', attempts: 3, result: null });
    expect(again.epoch).toBeGreaterThan(failed.epoch);
    expect(again.error_history).toHaveLength(6);
  });

  it('should not retry a permanent error', async () => {
    const { id } = await send('hopeless', {});
    expect(await runtime.ended(id)).toMatchObject({ status: 'FAILED', attempts: 1, error: { code: 'hopeless' } });
  });

  it('should end an attempt that is over its time limit as TIMED_OUT, and not retry it', async () => {
    const { id } = await send('endless', {});
    expect(await runtime.ended(id)).toMatchObject({ status: 'TIMED_OUT', attempts: 1, error: { code: 'time_limit' } });
  });

  it('should answer the same id and payload with the old task, and refuse another payload', async () => {
    const taskId = randomUUID();
    const first = await send('echo', { text: 'mine' }, { taskId });
    expect(first).toMatchObject({ id: taskId, created: true });
    await runtime.ended(taskId);
    expect(await send('echo', { text: 'mine' }, { taskId })).toMatchObject({ created: false, status: 'COMPLETED' });
    await expect(send('echo', { text: 'other' }, { taskId })).rejects.toMatchObject({ code: 'task_id_taken' });
    expect(await runtime.ended(taskId)).toMatchObject({ epoch: 1 });
  });

  it('should keep one live task a unique key', async () => {
    const first = await send('gated', { gate: 'unique' }, { uniqueKey: 'k' });
    expect(await send('gated', { gate: 'unique' }, { uniqueKey: 'k' })).toMatchObject({ id: first.id, created: false });
    await expect(send('gated', { gate: 'unique' }, { uniqueKey: 'k', uniquePolicy: 'reject' })).rejects.toMatchObject({
      code: 'unique_key_taken',
    });
    gate('unique').resolve();
    await runtime.ended(first.id);
    expect(await send('gated', { gate: 'unique' }, { uniqueKey: 'k' })).toMatchObject({ created: true });
  });

  it('should replace a live task of a unique key, waiting or running, when told to', async () => {
    const waiting = await send('gated', { gate: 'replaced' }, { uniqueKey: 'r', countdownSeconds: 600 });
    const running = await send('gated', { gate: 'replaced' }, { uniqueKey: 'r', uniquePolicy: 'replace' });
    expect(running).toMatchObject({ created: true });
    expect(await runtime.ended(waiting.id)).toMatchObject({
      status: 'CANCELLED',
      error: { message: expect.stringContaining(running.id) },
    });
    await gate('replaced entered').promise;
    const last = await send('gated', { gate: 'last' }, { uniqueKey: 'r', uniquePolicy: 'replace' });
    expect(await runtime.ended(running.id)).toMatchObject({ status: 'CANCELLED' });
    gate('last').resolve();
    expect(await runtime.ended(last.id)).toMatchObject({ status: 'COMPLETED' });
    const racing = await Promise.all(
      Array.from({ length: 5 }, () => send('gated', { gate: 'last' }, { uniqueKey: 'r', uniquePolicy: 'replace' })),
    );
    const ends = await Promise.all(racing.map(({ id }) => runtime.ended(id)));
    expect(ends.map(({ status }) => status)).toContain('COMPLETED');
  });

  it('should start a task with a countdown when it is due, and not before', async () => {
    const { id } = await send('echo', { text: 'later' }, { countdownSeconds: 1 });
    const row = await runtime.ended(id);
    const dueAt = row.due_at?.getTime() ?? 0;
    expect((row.started_at?.getTime() ?? 0) - dueAt).toBeGreaterThanOrEqual(0);
    expect(dueAt - row.accepted_at.getTime()).toBe(1000);
  });

  it('should expire a task that was not started in time', async () => {
    const { id } = await send('echo', { text: 'stale' }, { countdownSeconds: 3600, expiresSeconds: 0.2 });
    expect(await runtime.ended(id)).toMatchObject({ status: 'EXPIRED', attempts: 0 });
  });

  it('should cancel a waiting task', async () => {
    const { id } = await send('echo', { text: 'never' }, { countdownSeconds: 3600 });
    expect(await cancelTask(db, tenantId, id, 'by a test')).toBe(true);
    expect(await runtime.ended(id)).toMatchObject({ status: 'CANCELLED', attempts: 0 });
    expect(await cancelTask(db, tenantId, id, 'again')).toBe(false);
  });

  it('should stop a running task that is cancelled, and refuse its effects', async () => {
    const { id } = await send('gated', { gate: 'cancelled' });
    await gate('cancelled entered').promise;
    const cancelledAt = Date.now();
    expect(await cancelTask(db, tenantId, id, 'by a test')).toBe(true);
    gate('cancelled').resolve();
    await vi.waitFor(() => expect(runtime.consumer.running.map((run) => run.id)).not.toContain(id), 10_000);
    expect(Date.now() - cancelledAt).toBeLessThan(8000);
    expect(await effectsOf(id)).toBe(0);
    expect(await readTask(db, tenantId, id)).toMatchObject({ status: 'CANCELLED' });
  });

  it('should take in a job that another client added, and end a bad one as a dead letter', async () => {
    const other = new Queue(queue, {
      connection: { host: redis.host, port: redis.port, password: redis.password, db: 1 },
      prefix: queuePrefix(queue),
    });
    const id = randomUUID();
    await other.add('echo', { payload: { text: 'from elsewhere' } }, { jobId: id });
    await other.add('echo', { payload: { text: 5 } }, { jobId: 'bad-payload' });
    await other.add('no_such_task', { payload: {} }, { jobId: 'bad-name' });
    await other.add('echo', 'not even an object', { jobId: 'bad-data' });
    expect(await runtime.ended(id)).toMatchObject({ status: 'COMPLETED', result: { text: 'from elsewhere' } });
    const bad = async (redisJobId: string) => {
      const row = await vi.waitFor(async () => {
        const [taken] = await db.query<{ id: string }>('select id from tasks where redis_job_id = $1', [redisJobId]);
        if (!taken) throw new Error(`the job ${redisJobId} has no row`);
        return taken;
      }, 10_000);
      return runtime.ended(row.id);
    };
    expect(await bad('bad-payload')).toMatchObject({
      status: 'FAILED',
      dead_letter: true,
      error: { code: 'payload_invalid' },
    });
    expect(await bad('bad-name')).toMatchObject({
      status: 'FAILED',
      dead_letter: true,
      error: { code: 'task_unknown' },
    });
    expect(await bad('bad-data')).toMatchObject({
      status: 'FAILED',
      dead_letter: true,
      error: { code: 'payload_invalid' },
    });
    await other.close();
  });

  it('should accept while redis is away, and run when it is back', async () => {
    await redis.stop();
    const startedAt = Date.now();
    const { id, status } = await send('echo', { text: 'durable' });
    expect(status).toBe('PENDING');
    expect(Date.now() - startedAt).toBeLessThan(2000);
    await redis.startAgain();
    expect(await runtime.ended(id, 30_000)).toMatchObject({ status: 'COMPLETED' });
  });

  it('should hand back what does not fit the grace period, without counting an attempt', async () => {
    const { id } = await send('gated', { gate: 'drained' });
    await gate('drained entered').promise;
    const waiting = await send('echo', { text: 'after' }, { countdownSeconds: 3600 });
    await runtime.drain(100);
    expect(await readTask(db, tenantId, id)).toMatchObject({ attempts: 0, epoch: 2 });
    await cancelTask(db, tenantId, waiting.id, 'cleaning up');
    gate('drained').resolve();
    await using second = startRuntime({ db, redis, tasks });
    const row = await second.ended(id, 30_000);
    expect(row).toMatchObject({ status: 'COMPLETED', attempts: 1 });
    expect(await effectsOf(id)).toBe(1);
  });
});
