/** Each reason made for real, on one running system, and asked for by `millrace why`. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTask, fixedDelay, type RegisteredTask } from '../../../worker/runtime/index.ts';
import { type System, startSystem } from './setup.ts';

const windowSize = 10;
const slots = 2;

/** Tasks that wait until they are let go. */
class Gates {
  #opened = Promise.withResolvers<void>();
  open(): void {
    this.#opened.resolve();
    this.#opened = Promise.withResolvers<void>();
  }
  async wait(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
    await Promise.race([this.#opened.promise, aborted.promise]);
  }
}

const gates = new Gates();
const nothing = z.strictObject({});
const tasks: readonly RegisteredTask[] = [
  defineTask({
    name: 'hold',
    queue: 'fast_tasks',
    description: 'Runs until it is let go.',
    payload: nothing,
    timeLimitSeconds: 90,
    handle: async (ctx) => {
      ctx.progress({ step: 'grinding', fraction: 0.5 });
      await gates.wait(ctx.signal);
      return 'ground';
    },
  }),
  defineTask({
    name: 'hold_alone',
    queue: 'dataset',
    description: 'The same, one at a time a tenant.',
    payload: nothing,
    tenantIsolated: true,
    handle: (ctx) => gates.wait(ctx.signal).then(() => undefined),
  }),
  defineTask({
    name: 'stumble',
    queue: 'fast_tasks',
    description: 'Fails, and is tried again in ten minutes.',
    payload: nothing,
    retry: { retries: 3, delaySeconds: fixedDelay(600), jitter: 0 },
    handle: async () => {
      throw new Error('The sluice is shut.');
    },
  }),
  defineTask({
    name: 'fall',
    queue: 'fast_tasks',
    description: 'Fails for good.',
    payload: nothing,
    retry: { retries: 0 },
    handle: async () => {
      throw new Error('The wheel is broken.');
    },
  }),
];

describe('millrace why', () => {
  let t: System;
  beforeAll(async () => {
    t = await startSystem({
      tasks,
      queues: ['fast_tasks', 'dataset', 'plugin', 'pipeline'],
      slots,
      window: {
        size: windowSize,
        isolatedPerTenant: 1,
        rates: { queues: new Map([['plugin', { perSecond: 1 / 3600 }]]), tenants: new Map() },
      },
    });
  });
  afterAll(() => t?.[Symbol.asyncDispose]());

  const send = async (task: string, ...options: string[]): Promise<string> =>
    (await t.json('send', task, ...options)).task_id;
  /** The answer, after the same was said in words. */
  const why = async (subject: string) => {
    const { code, stdout, stderr } = await t.run(['why', subject]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const answer = await t.json('why', subject);
    expect(stdout).toContain(` ${answer.code} (${answer.kind})\n`);
    return { ...answer, words: stdout };
  };
  const letGo = async (...ids: string[]) => {
    while (ids.length > 0) {
      gates.open();
      const rows = await t.db.query<{ id: string }>('select id from tasks_live where id = any ($1::uuid[])', [ids]);
      ids = rows.map(({ id }) => id);
      await wait(20);
    }
  };
  const cancel = (...ids: string[]) => t.json('cancel', '--yes', ...ids);

  it('should say that no worker takes from the queue', async () => {
    const id = await send('sample_noop', '--queue', 'mail');
    expect(await why(id)).toMatchObject({
      task_id: id,
      task: 'sample_noop',
      queue: 'mail',
      code: 'no_consumer',
      kind: 'blocked',
      sentence: 'No live worker takes from the queue mail.',
      mend: expect.stringContaining('CELERY_QUEUES'),
      also: [],
      because: null,
    });
    expect(await why('mail')).toMatchObject({
      queue: 'mail',
      code: 'no_consumer',
      sentence: 'No live worker takes from the queue mail; 1 of yours waits.',
    });
    await cancel(id);
    expect(await why(id)).toMatchObject({ code: 'cancelled', kind: 'ended', mend: null });
  });

  it('should say that the queue is paused, and what the resumed one does', async () => {
    await t.run(['pause', 'pipeline']);
    const id = await send('hold', '--queue', 'pipeline');
    const paused = await why(id);
    expect(paused).toMatchObject({ code: 'queue_paused', mend: 'Resume it: millrace resume pipeline' });
    expect(paused.sentence).toMatch(/^The queue pipeline has been paused for (less than a second|\d s): /);
    expect(await why('pipeline')).toMatchObject({ code: 'queue_paused', details: { queued: 1 } });
    await t.run(['resume', 'pipeline']);
    await t.until(id, 'RUNNING');
    await letGo(id);
    expect(await why(id)).toMatchObject({ code: 'completed', status: 'COMPLETED' });
    expect(await why('pipeline')).toMatchObject({ code: 'queue_empty', because: null });
  });

  it('should say when it is due, and what would hold it up then', async () => {
    const id = await send('sample_noop', '--countdown', '250', '--queue', 'mail');
    const later = await why(id);
    expect(later).toMatchObject({ code: 'not_due', kind: 'waiting', also: [{ code: 'no_consumer' }] });
    expect(later.sentence).toMatch(/due in 4 min (10|9) s\.$/);
    expect(later.words).toContain('And then: No live worker takes from the queue mail.');
    expect(later.details.due_in_seconds).toBeGreaterThan(240);
    await cancel(id);
    const soon = await send('sample_noop', '--countdown', '300');
    expect(await why('fast_tasks')).toMatchObject({
      code: 'all_later',
      sentence: expect.stringMatching(
        /^1 of yours waits in the queue fast_tasks, and none is due: the next is due in /,
      ),
    });
    await cancel(soon);
  });

  it('should say of what an attempt failed, and when the next begins', async () => {
    const id = await send('stumble');
    await t.until(id, 'RETRYING');
    const retried = await why(id);
    expect(retried).toMatchObject({ code: 'retry_later', details: { attempts: 1, max_attempts: 4 } });
    expect(retried.sentence).toMatch(
      /^Attempt 1 of 4 failed \(task_error: The sluice is shut\); the next begins in (10 min|9 min 5\d s)\.$/,
    );
    await cancel(id);
  });

  it('should say that its attempts are spent', async () => {
    const id = await send('fall');
    await t.until(id, 'FAILED');
    const dead = await why(id);
    expect(dead).toMatchObject({ code: 'dead_letter', kind: 'blocked' });
    expect(dead.sentence).toMatch(/^Its only attempt is spent, with task_error: The wheel is broken;/);
    expect(dead.mend).toContain(`millrace dlq retry ${id}`);
  });

  it('should say who runs it, for how long and under which lease', async () => {
    const id = await send('hold');
    await t.until(id, 'RUNNING');
    await expect.poll(async () => (await why(id)).sentence, { timeout: 10_000 }).toMatch(/it says: grinding, 50 %\.$/);
    const run = await why(id);
    expect(run).toMatchObject({ code: 'running', kind: 'moving', details: { worker: 'test' } });
    expect(run.sentence).toMatch(
      /^It runs on the worker test( for .*?)?, under a lease that is renewed \((30|2\d) s left\), with a limit of 1 min 30 s; /,
    );
    expect(await why('fast_tasks')).toMatchObject({ code: 'queue_moves', details: { running: 1 } });
    await letGo(id);
  });

  it('should say which task of its flow it waits for, and what holds that one up', async () => {
    const flow = { chain: ['hold', 'sample_noop', 'sample_noop'].map((task) => ({ task, payload: {} })) };
    const accepted = await t.call('POST', '/v1/flows', { flow });
    const [first, second, third] = accepted.tasks.chain.map(({ task_id }: { task_id: string }) => task_id);
    await t.until(first, 'RUNNING');
    const last = await why(third);
    expect(last).toMatchObject({
      code: 'waits_for_parents',
      details: { waiting_for: 1, parents: [{ task_id: second }], roots: [{ task_id: first }] },
      because: { task_id: first, code: 'running' },
    });
    expect(last.sentence).toContain(`sample_noop ${second} (PENDING); the flow stands at hold ${first} (RUNNING).`);
    expect(last.words).toContain(`hold ${first} RUNNING: running (moving)`);
    await letGo(first);
    await t.until(third, 'COMPLETED');
  });

  it('should say what the slots are busy with, and name no task of another tenant', async () => {
    const mine = await send('hold');
    const { stdout } = await t.run(['send', 'hold'], { env: { MILLRACE_API_KEY: t.otherKey } });
    const theirs = stdout.trim();
    await t.until(mine, 'RUNNING');
    await t.until(theirs, 'RUNNING');
    const id = await send('sample_noop');
    await t.until(id, 'QUEUED');
    const busy = await why(id);
    expect(busy).toMatchObject({ code: 'slots_busy', details: { slots, busy: slots, ahead: 0 } });
    expect(busy.sentence).toMatch(
      new RegExp(
        `^All 2 slots of the 1 worker that takes from fast_tasks are busy \\(test runs hold ${mine}( for .*?)?, 1 more\\), and it is first in line\\.$`,
      ),
    );
    expect(busy.words).not.toContain(theirs);
    const of = await why('fast_tasks');
    expect(of).toMatchObject({ code: 'slots_busy', because: { task_id: id, code: 'slots_busy' } });
    expect(of.sentence).toMatch(new RegExp(`^Of 1 waiting, sample_noop ${id} is next: all 2 slots`));
    const hidden = await t.run(['why', theirs]);
    expect(hidden).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('task_not_found') });

    // more than the window has room for behind them: the workers take it from the ledger
    const more = await t.json('send', 'sample_noop');
    const ids = [id, more.task_id];
    for (let count = 0; count < 2 * windowSize; count += 1) ids.push(await send('sample_noop'));
    // which of them had no room is up to when the window was looked at
    const [last] = await t.db.query<{ id: string }>(
      `select id from tasks_live where id = any ($1::uuid[]) and status = 'PENDING' order by id desc limit 1`,
      [ids],
    );
    const outside = last?.id ?? '';
    expect((await why(outside)).sentence).toMatch(/^All 2 slots .* are busy .*, and \d+ of yours go before it\.$/);

    // a worker that does not, so that they wait for room in the window
    const old = randomUUID();
    await t.db.query(
      `insert into workers (id, name, mode, queues, slots) values ($1, 'old', 'worker', '{fast_tasks}', 1)`,
      [old],
    );
    await expect.poll(async () => (await why(outside)).code, { timeout: 10_000 }).toBe('window_full');
    const full = await why(outside);
    expect(full.details).toMatchObject({ size: windowSize, own: full.details.standing, tenants: 1 });
    expect(full.sentence).toMatch(
      /^The window of the queue fast_tasks is full: \d+ of 10 jobs stand in Redis, all of them your own, and \d+ more of yours go/,
    );
    await t.db.query('delete from workers where id = $1', [old]);

    // redis is wiped: its jobs are put back by the reconciler
    await t.redis.server.call('FLUSHALL');
    expect(await why(id)).toMatchObject({ code: 'job_lost', kind: 'waiting' });
    await t.json('purge', 'fast_tasks', '--yes');
    expect(await why(id)).toMatchObject({ code: 'cancelled', sentence: expect.stringContaining('(purged: ') });
    await letGo(mine, theirs);
  });

  it('should say that the tenant is at its limit, and who holds its place', async () => {
    const first = await send('hold_alone');
    await t.until(first, 'RUNNING');
    const second = await send('hold_alone');
    const third = await send('hold_alone');
    const limited = await why(third);
    expect(limited).toMatchObject({
      code: 'tenant_limit',
      details: { limit: 1, held: 1, ahead: 1, holders: [{ task_id: first, status: 'RUNNING' }] },
    });
    expect(limited.sentence).toContain(`now hold_alone ${first} (RUNNING), and 1 more waits before it.`);
    await cancel(second, third);
    await letGo(first);
  });

  it('should say that the rate of the queue is used up', async () => {
    const first = await send('sample_noop', '--queue', 'plugin');
    await t.until(first, 'COMPLETED');
    const second = await send('sample_noop', '--queue', 'plugin');
    const third = await send('sample_noop', '--queue', 'plugin');
    const held = await why(third);
    expect(held).toMatchObject({
      code: 'rate_limit',
      details: { of: 'queue', ahead: 1 },
      mend: expect.stringContaining('MILLRACE_RATE_LIMITS'),
    });
    expect(held.sentence).toMatch(
      /starts at most 0.02 tasks a minute, and 1 task of yours goes before it: its turn comes in (2 h|1 h 59 min) at the earliest\.$/,
    );
    expect(await why('plugin')).toMatchObject({ code: 'rate_limit', because: { task_id: second } });
    await cancel(second, third);
  });

  it('should say that it expired before anybody started it', async () => {
    const id = await send('sample_noop', '--queue', 'mail', '--expires', '0.2');
    await t.until(id, 'EXPIRED');
    expect(await why(id)).toMatchObject({
      code: 'expired',
      kind: 'ended',
      mend: expect.stringContaining('longer expires'),
    });
  });

  it('should say since when Redis is away, and go on by itself when it is back', async () => {
    await t.redis.kill();
    await expect.poll(() => t.runtime.broker.ready, { timeout: 10_000 }).toBe(false);
    const id = await send('sample_noop');
    const away = await why(id);
    expect(away).toMatchObject({ code: 'redis_away', kind: 'blocked', status: 'PENDING' });
    expect(away.sentence).toMatch(/^Redis has been away for (less than a second|\d s): .* nothing is lost\.$/);
    expect(await why('fast_tasks')).toMatchObject({ code: 'redis_away' });
    await t.redis.startAgain();
    await t.until(id, 'COMPLETED');
  });

  it('should refuse what names nothing', async () => {
    expect(await t.run(['why', 'no_queue'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('queue_not_found'),
    });
    expect(await t.run(['why', 'a1b2c3d4-0000-4000-8000-000000000000'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('task_not_found'),
    });
  });
});
