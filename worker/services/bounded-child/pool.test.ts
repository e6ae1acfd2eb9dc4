import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import type { JobLimits } from './limits.ts';
import { ChildPool, type PoolOptions } from './pool.ts';
import { collect } from './testing/collect.ts';
import type { Order } from './testing/tasks.ts';

const mebibyte = 1024 * 1024;
const limits: JobLimits = { wallMs: 10_000, rssBytes: 512 * mebibyte, outputBytes: 64 * mebibyte, stallMs: 10_000 };
const pools: ChildPool[] = [];

function open(more: Partial<PoolOptions> = {}): ChildPool {
  const pool = new ChildPool({
    module: new URL('./testing/tasks.ts', import.meta.url),
    heapMib: 64,
    size: 2,
    recycleRssBytes: 400 * mebibyte,
    maxJobs: 100,
    idleMs: 60_000,
    ...more,
  });
  pools.push(pool);
  return pool;
}

function run(pool: ChildPool, order: Order, signal?: AbortSignal) {
  return collect(
    pool.run({ input: Readable.from([]), argument: order, limits, ...(signal === undefined ? {} : { signal }) }),
  );
}

async function pidOf(pool: ChildPool): Promise<number> {
  const [value] = await run(pool, { do: 'remember' });
  return (value as { pid: number }).pid;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

describe('a pool of bounded children', () => {
  it('should use a child again after a job that ended well', async () => {
    const pool = open();
    expect(await pidOf(pool)).toBe(await pidOf(pool));
    expect(pool.children).toBe(1);
  });

  it('should not use a child again after any error', async () => {
    const pool = open();
    const first = await pidOf(pool);
    await expect(run(pool, { do: 'throw' })).rejects.toThrow('an even number');
    expect(await pidOf(pool)).not.toBe(first);
  });

  it('should not use a child again that has grown too large', async () => {
    const pool = open({ recycleRssBytes: 1 });
    expect(await pidOf(pool)).not.toBe(await pidOf(pool));
    expect(pool.children).toBe(0);
  });

  it('should not use a child for more jobs than it may do', async () => {
    const pool = open({ maxJobs: 2 });
    const pids = [await pidOf(pool), await pidOf(pool), await pidOf(pool)];
    expect(new Set(pids).size).toBe(2);
  });

  it('should run at most as many jobs at a time as its size says, and all in the end', async () => {
    const pool = open({ size: 2 });
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for await (const _value of pool.run({
          input: Readable.from([]),
          argument: { do: 'flood', values: 20, bytes: 10 },
          limits,
        })) {
          most = Math.max(most, pool.children);
        }
      }),
    );
    expect(most).toBe(2);
  });

  it('should let a waiting job leave when it is aborted', async () => {
    const pool = open({ size: 1 });
    const busy = pool.run({ input: Readable.from([]), argument: { do: 'flood', values: 10, bytes: 10 }, limits });
    await busy.next();
    const abort = new AbortController();
    const waiting = run(pool, { do: 'remember' }, abort.signal);
    abort.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    await busy.return();
    expect(await run(pool, { do: 'ignore-input' })).toEqual(['done without it']);
  });

  it('should end a child that stands idle', async () => {
    const pool = open({ idleMs: 50 });
    await pidOf(pool);
    await expect.poll(() => pool.children, { timeout: 3000 }).toBe(0);
  });

  it('should end its children when it is closed, and take no more jobs', async () => {
    const pool = open();
    const pid = await pidOf(pool);
    await pool.close();
    expect(() => process.kill(pid, 0)).toThrow();
    await expect(run(pool, { do: 'remember' })).rejects.toThrow('closed');
  });
});

describe('a child that a pool lends', () => {
  const never = { start: true, onWanted: () => undefined };
  const job = (order: Order) => ({ input: Readable.from([]), argument: order, limits });
  const nothing = async () => undefined;

  it('should do its job and be used again', async () => {
    const pool = open({ size: 1 });
    const values: unknown[] = [];
    await pool.lend(job({ do: 'remember' }), never, async (value) => {
      values.push(value);
    });
    expect(values).toMatchObject([{ count: 1 }]);
    expect(await run(pool, { do: 'remember' })).toMatchObject([{ count: 2 }]);
  });

  it('should only be one that stands idle, unless it may be started', async () => {
    const pool = open({ size: 1 });
    const waiting = { ...never, start: false };
    expect(pool.lend(job({ do: 'remember' }), waiting, nothing)).toBeUndefined();
    pool.warm();
    await pool.lend(job({ do: 'remember' }), waiting, nothing);
    expect(pool.children).toBe(1);
  });

  it('should not be lent while every child has its job', async () => {
    const pool = open({ size: 1 });
    const busy = pool.run(job({ do: 'flood', values: 10, bytes: 10 }));
    await busy.next();
    expect(pool.lend(job({ do: 'remember' }), never, nothing)).toBeUndefined();
    await busy.return();
  });

  it('should hear once that it is wanted, one child for each job that waits, and make room for it', async () => {
    const pool = open({ size: 2 });
    const heard: number[] = [];
    const leave = [new AbortController(), new AbortController()];
    const lent = leave.map((abort, at) => {
      const onWanted = () => {
        heard.push(at);
        abort.abort(new Error('wanted'));
      };
      return pool.lend({ ...job({ do: 'spin' }), signal: abort.signal }, { start: true, onWanted }, nothing);
    });
    const ended = Promise.allSettled(lent);
    expect(await run(pool, { do: 'ignore-input' })).toEqual(['done without it']);
    expect(heard).toEqual([0]);
    leave[1]?.abort(new Error('over'));
    await ended;
    expect(await run(pool, { do: 'ignore-input' })).toEqual(['done without it']);
  });

  it('should tell its error to the one who took it', async () => {
    const lent = open().lend(job({ do: 'throw' }), never, nothing);
    await expect(lent).rejects.toThrow('an even number');
  });

  it('should not be lent by a pool that is closed', async () => {
    const pool = open();
    await pool.close();
    expect(pool.lend(job({ do: 'remember' }), never, nothing)).toBeUndefined();
  });
});
