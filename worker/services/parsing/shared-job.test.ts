import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { JobLimits } from '../bounded-child/limits.ts';
import { ChildPool } from '../bounded-child/pool.ts';
import { collect } from '../bounded-child/testing/collect.ts';
import { defaultExtractLimits } from '../extraction/extractor.ts';
import { defaultPool, defaultSharing } from './limits.ts';
import { runShared, type SharingOptions } from './shared-job.ts';
import type { MadeUp } from './testing/pages.ts';

const mebibyte = 1024 * 1024;
const limits = {
  wallMs: 10_000,
  rssBytes: 400 * mebibyte,
  outputBytes: 64 * mebibyte,
  stallMs: 10_000,
  extract: defaultExtractLimits,
};
const options: SharingOptions = { ...defaultSharing, rangePages: 10, minPages: 20, startMs: 0, helpers: 1 };
const pools: ChildPool[] = [];

function open(size = 2): ChildPool {
  const pool = new ChildPool({
    ...defaultPool,
    size,
    module: new URL('./testing/pages.ts', import.meta.url),
    heapMib: 64,
  });
  pools.push(pool);
  for (let at = 0; at < size; at += 1) pool.warm();
  return pool;
}

interface Run {
  readonly file?: Partial<MadeUp>;
  readonly limits?: Partial<JobLimits>;
  readonly signal?: AbortSignal;
  readonly options?: Partial<SharingOptions>;
  /** What helpers are given to read instead. */
  readonly replaced?: Partial<MadeUp>;
}

/** A shared job, with how often its document was opened, and when a helper had all of it. */
function shared(pool: ChildPool, run: Run = {}) {
  const file: MadeUp = { pages: 300, helper: 'read', pageMs: 2, ...run.file };
  let opened = 0;
  const { promise: helperHasIt, resolve } = Promise.withResolvers<void>();
  const source = () => {
    opened += 1;
    const own = opened > 1 ? { ...file, ...run.replaced } : file;
    const stream = Readable.from([Buffer.from(JSON.stringify(own))]);
    if (opened > 1) stream.once('close', resolve);
    return stream;
  };
  const signal = run.signal === undefined ? {} : { signal: run.signal };
  const job = { source, argument: {}, limits: { ...limits, ...run.limits }, ...signal };
  async function texts(): Promise<unknown[]> {
    const list: unknown[] = [];
    for await (const value of runShared(pool, job, { ...options, ...run.options })) {
      // Nobody reads on until the helper has what it needs: it gets its share whatever the machine is busy with.
      if (value === 'begun') await helperHasIt;
      else list.push(value);
    }
    return list;
  }
  return { values: () => runShared(pool, job, { ...options, ...run.options }), texts, opened: () => opened };
}

const straight = (pages: number) => Array.from({ length: pages }, (_, at) => `The text of page ${at}.`);

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

describe('a job whose pages are shared', () => {
  it('should give all pages in order and leave all children warm', async () => {
    const pool = open(3);
    const job = shared(pool, { options: { helpers: 2 } });
    expect(await job.texts()).toEqual(straight(300));
    expect(job.opened()).toBe(3);
    expect(pool.children).toBe(3);
  });

  it('should go on alone when no child is to spare, however many documents there are', async () => {
    const pool = open(2);
    const run = async () => (await collect(shared(pool, { file: { pageMs: 1 } }).values())).slice(1);
    const all = await Promise.all(Array.from({ length: 6 }, run));
    for (const texts of all) expect(texts).toEqual(straight(300));
  });

  it('should give a child back when another document waits for one', async () => {
    const pool = open(2);
    const long = shared(pool, { file: { pages: 3000 } });
    const values = long.values();
    await values.next();
    await values.next();
    expect(long.opened()).toBe(2);
    const rest = collect(values);
    const short = collect(shared(pool, { file: { pages: 10, pageMs: 0 } }).values());
    await expect(Promise.race([short.then(() => 'short'), rest.then(() => 'long')])).resolves.toBe('short');
    expect(await rest).toHaveLength(2999);
  });

  it('should share nothing of a short document', async () => {
    const job = shared(open(), { file: { pages: 19 } });
    expect((await collect(job.values())).slice(1)).toEqual(straight(19));
    expect(job.opened()).toBe(1);
  });

  it('should not start a child for a document that is soon done', async () => {
    const pool = open(1);
    const wide = new ChildPool({
      ...defaultPool,
      size: 2,
      module: new URL('./testing/pages.ts', import.meta.url),
      heapMib: 64,
    });
    pools.push(wide);
    await Promise.all([pool, wide].map((one) => collect(shared(one, { options: { startMs: 60_000 } }).values())));
    expect(wide.children).toBe(1);
  });

  it('should not mix pages of two documents when the file was replaced between its readings', async () => {
    const pool = open();
    const job = shared(pool, { replaced: { pages: 299 } });
    expect(await job.texts()).toEqual(straight(300));
    expect(job.opened()).toBe(2);
  });

  it.each([
    ['die', {}, { code: 'child_crashed', message: expect.stringContaining('SIGKILL') }],
    ['spin', { wallMs: 1_000 }, { code: 'child_too_slow' }],
    ['throw', {}, { code: 'child_failed', thrownName: 'RangeError' }],
    ['fill', {}, { code: 'child_too_hungry' }],
    ['chatter', { outputBytes: 100_000 }, { code: 'child_output_too_large' }],
  ] as const)(
    'should fail as one child does when a helper is to %s in the middle of its pages',
    async (helper, more, told) => {
      const pool = open();
      const job = shared(pool, { file: { helper }, limits: more });
      await expect(job.texts()).rejects.toMatchObject(told);
      expect(job.opened()).toBe(2);
      expect(pool.children).toBe(0);
    },
  );

  it('should end every child when it is aborted, and raise the reason', async () => {
    const pool = open();
    const abort = new AbortController();
    const job = shared(pool, { file: { helper: 'spin' }, signal: abort.signal });
    const values = job.values();
    await values.next();
    await values.next();
    const reason = new Error('cancelled');
    abort.abort(reason);
    await expect(collect(values)).rejects.toBe(reason);
    expect(pool.children).toBe(0);
  });

  it('should end every child when its reader leaves', async () => {
    const pool = open();
    const job = shared(pool, { file: { helper: 'spin' } });
    for await (const value of job.values()) if (value !== 'begun') break;
    expect(job.opened()).toBe(2);
    expect(pool.children).toBe(0);
  });

  it('should fail with the error of the document when it cannot be opened, and go on alone when only a helper cannot', async () => {
    const pool = open();
    const own = new Error('the storage is gone');
    const job = { argument: {}, limits };
    await expect(collect(runShared(pool, { ...job, source: () => Promise.reject(own) }, options))).rejects.toBe(own);
    let opened = 0;
    const source = () => {
      opened += 1;
      if (opened > 1) throw own;
      return Readable.from([Buffer.from(JSON.stringify({ pages: 300, helper: 'read', pageMs: 1 } satisfies MadeUp))]);
    };
    pool.warm();
    expect((await collect(runShared(pool, { ...job, source }, options))).slice(1)).toEqual(straight(300));
    expect(opened).toBe(2);
  });
});
