import type { JobsOptions } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { isNotDurable, jobOptions, Keeping, notDurableMeta, readStoredError, storedError } from './job.ts';
import { rowFields, rowOfJob } from './row.ts';

const meta = { v: 1, origin: 'redis', tenant_id: '00000000-0000-7000-8000-000000000002' } as const;
const told = { code: 'hopeless', message: 'No retry mends this.', at: '2026-11-21T10:00:00.000Z', attempt: 0 };

describe('jobs that are not durable', () => {
  it('should be known by their meta, and no other job by it', () => {
    expect(notDurableMeta({ payload: {}, meta })).toEqual(meta);
    expect(notDurableMeta({ payload: {}, meta: { ...meta, origin: 'ledger' } })).toBeUndefined();
    expect(notDurableMeta({ payload: {}, meta: { ...meta, tenant_id: 'nobody' } })).toBeUndefined();
    for (const data of [undefined, null, 7, 'text', {}, { meta }, { payload: {} }, { payload: {}, meta: null }])
      expect(notDurableMeta(data)).toBeUndefined();
  });

  it('should be known by the options that stand in redis', () => {
    const sent = { id: 'a', name: 'echo', payload: {}, meta, priority: 1, delayMs: 0, attempts: 4 };
    expect(isNotDurable(JSON.stringify(jobOptions(sent)))).toBe(true);
    expect(isNotDurable(JSON.stringify({ attempts: 1, removeOnComplete: true }))).toBe(false);
  });

  it('should leave attempts and priority to BullMQ', () => {
    const sent = { id: 'a', name: 'echo', payload: {}, meta, priority: 7, delayMs: 0, attempts: 4 };
    expect(jobOptions(sent)).toEqual({ jobId: 'a', priority: 7, attempts: 4, backoff: { type: 'task_policy' } });
  });

  it('should be trimmed at the first end of a process and then now and then, and as another client said where it did', () => {
    const keeping = new Keeping();
    const kept = Array.from({ length: 101 }, () => {
      const opts: JobsOptions = {};
      const trims = keeping.apply({ opts });
      expect(trims).toBe(JSON.stringify(opts.removeOnComplete).includes('age'));
      return opts.removeOnComplete;
    });
    const trimming = kept.flatMap((keep, index) => (JSON.stringify(keep).includes('age') ? [index] : []));
    expect(trimming).toEqual([0, 50, 100]);
    expect(kept[0]).toEqual({ age: 3600, count: 20_000 });
    const opts: JobsOptions = { removeOnComplete: true, removeOnFail: 5 };
    expect(keeping.apply({ opts })).toBe(true);
    expect(opts).toMatchObject({ removeOnComplete: true, removeOnFail: 5 });
  });

  it('should carry their errors through redis, and nothing that somebody else wrote there', () => {
    const { stack = '' } = storedError(new Error('x'), { ...told, status: 'TIMED_OUT' });
    expect(readStoredError(stack)).toEqual({ ...told, status: 'TIMED_OUT' });
    for (const text of ['Error: x\n  at y', '7', '{}', 'null']) expect(readStoredError(text)).toBeUndefined();
  });
});

describe('the row of a job that is not durable', () => {
  const rowOf = (fields: Partial<Record<(typeof rowFields)[number], string>>, more: object = {}) => {
    const all = {
      name: 'echo',
      data: JSON.stringify({ payload: { n: 1 }, meta }),
      opts: '{}',
      timestamp: '1000',
      ...fields,
    };
    const values = rowFields.map((name) => (all as Record<string, string | undefined>)[name] ?? null);
    return rowOfJob({ id: 'a', queue: 'fast_tasks', values, locked: false, delayedScore: null, ...more });
  };
  const errors = (status?: string) => JSON.stringify([JSON.stringify({ ...told, status })]);

  it('should be in the state that its fields say', () => {
    expect(rowOf({})).toMatchObject({ status: 'QUEUED', attempts: 0, progress: null, payload: { n: 1 } });
    expect(rowOf({ processedOn: '1100' }, { locked: true })).toMatchObject({ status: 'RUNNING', attempts: 1 });
    expect(rowOf({ atm: '1', stacktrace: errors() }, { delayedScore: String(5000 * 4096 + 3) })).toMatchObject({
      status: 'RETRYING',
      attempts: 1,
      due_at: new Date(5000),
      error: told,
    });
    expect(rowOf({ atm: '2', finishedOn: '1200', returnvalue: '{"x":1}', stacktrace: errors() })).toMatchObject({
      status: 'COMPLETED',
      result: { x: 1 },
      error: null,
      error_history: [told],
    });
  });

  it('should tell a failure from a passed limit, and both from what was never started', () => {
    const end = { atm: '1', finishedOn: '1200', failedReason: 'No retry mends this.' };
    expect(rowOf({ ...end, stacktrace: errors() })).toMatchObject({ status: 'FAILED', error: told });
    expect(rowOf({ ...end, stacktrace: errors('TIMED_OUT') })).toMatchObject({ status: 'TIMED_OUT', attempts: 1 });
    expect(rowOf({ ...end, stacktrace: errors('EXPIRED') })).toMatchObject({ status: 'EXPIRED', attempts: 0 });
    expect(rowOf(end)).toMatchObject({
      status: 'FAILED',
      error: { code: 'task_error', message: 'No retry mends this.' },
    });
  });

  it('should not be made of a job that is durable or from elsewhere', () => {
    expect(rowOf({ data: JSON.stringify({ payload: {}, meta: { ...meta, origin: 'ledger' } }) })).toBeUndefined();
    expect(rowOf({ data: 'no json' })).toBeUndefined();
  });
});
