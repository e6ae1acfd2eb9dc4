import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { BoundedChild } from './bounded-child.ts';
import { BoundError } from './errors.ts';
import type { JobLimits } from './limits.ts';
import { collect as all } from './testing/collect.ts';
import type { Order } from './testing/tasks.ts';

const mebibyte = 1024 * 1024;
const limits: JobLimits = { wallMs: 10_000, rssBytes: 512 * mebibyte, outputBytes: 64 * mebibyte, stallMs: 10_000 };
const children: BoundedChild[] = [];

function start(): BoundedChild {
  const child = new BoundedChild({ module: new URL('./testing/tasks.ts', import.meta.url), heapMib: 64 });
  children.push(child);
  return child;
}

function job(order: Order, input = Readable.from([]), more: Partial<JobLimits> = {}, signal?: AbortSignal) {
  return { input, argument: order, limits: { ...limits, ...more }, ...(signal === undefined ? {} : { signal }) };
}

/** Resolves when no process of this id is left; a killed orphan may stand as a zombie where nobody reaps it. */
async function gone(pid: number, withinMs: number): Promise<boolean> {
  const { readFileSync } = await import('node:fs');
  const end = performance.now() + withinMs;
  while (performance.now() < end) {
    try {
      process.kill(pid, 0);
      if (process.platform === 'linux' && /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')))
        return true;
    } catch {
      return true;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()));
});

describe('a bounded child', () => {
  it('should get the whole input and several jobs one after another', async () => {
    const child = start();
    const piece = Buffer.alloc(mebibyte, 'a');
    expect(await all(child.run(job({ do: 'count' }, Readable.from([piece, piece, Buffer.from('end')]))))).toEqual([
      2 * mebibyte + 3,
    ]);
    expect(await all(child.run(job({ do: 'echo' }, Readable.from([Buffer.from('second')]))))).toEqual(['second']);
  });

  it('should keep what a job leaves in the cache, for the next job in the same process', async () => {
    const child = start();
    await all(child.run(job({ do: 'remember' })));
    expect(await all(child.run(job({ do: 'remember' })))).toEqual([{ count: 2, pid: child.pid }]);
  });

  it('should not take the unread input of one job for the next', async () => {
    const child = start();
    const long = Readable.from(
      (function* () {
        for (let at = 0; at < 64; at += 1) yield Buffer.alloc(mebibyte, 'x');
      })(),
    );
    expect(await all(child.run(job({ do: 'ignore-input' }, long)))).toEqual(['done without it']);
    expect(long.destroyed).toBe(true);
    expect(await all(child.run(job({ do: 'echo' }, Readable.from([Buffer.from('mine')]))))).toEqual(['mine']);
  });

  it('should not let what a library prints get between the frames', async () => {
    expect(await all(start().run(job({ do: 'chatter' })))).toEqual(['said']);
  });

  it('should be killed when it works too long, also in a loop that never yields', async () => {
    const child = start();
    const failed = all(child.run(job({ do: 'spin' }, Readable.from([]), { wallMs: 300 })));
    await expect(failed).rejects.toMatchObject({ code: 'child_too_slow', bound: 'time', limit: 300 });
    expect(await gone(child.pid, 2000)).toBe(true);
  });

  it('should not count the time in which its reader keeps it waiting', async () => {
    const values: unknown[] = [];
    for await (const value of start().run(
      job({ do: 'flood', values: 3, bytes: 10 }, Readable.from([]), { wallMs: 400 }),
    )) {
      values.push(value);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    expect(values).toHaveLength(3);
  });

  it('should be killed when its memory outside the heap grows too far', async () => {
    const failed = all(start().run(job({ do: 'hoard' }, Readable.from([]), { rssBytes: 150 * mebibyte })));
    await expect(failed).rejects.toMatchObject({ code: 'child_too_hungry', bound: 'memory' });
  });

  it('should tell a full heap as too much memory', async () => {
    await expect(all(start().run(job({ do: 'hoard-heap' })))).rejects.toMatchObject({ code: 'child_too_hungry' });
  });

  it('should be killed when it says too much', async () => {
    const flood = job({ do: 'flood', values: 1000, bytes: 10_000 }, Readable.from([]), { outputBytes: 100_000 });
    await expect(all(start().run(flood))).rejects.toMatchObject({ code: 'child_output_too_large', bound: 'output' });
  });

  it('should tell a source that gives nothing from a child that is slow', async () => {
    const silent = new Readable({ read: () => undefined });
    const failed = all(start().run(job({ do: 'count' }, silent, { stallMs: 200, wallMs: 5000 })));
    await expect(failed).rejects.toMatchObject({ code: 'child_source_stalled', bound: 'source' });
    expect(silent.destroyed).toBe(true);
  });

  it('should hand on the error of the source as it is', async () => {
    const own = new Error('the storage is gone');
    const broken = new Readable({
      read() {
        this.destroy(own);
      },
    });
    await expect(all(start().run(job({ do: 'count' }, broken)))).rejects.toBe(own);
  });

  it('should hand on code and hint of what the module throws, and stay usable', async () => {
    const child = start();
    await expect(all(child.run(job({ do: 'throw' })))).rejects.toMatchObject({
      name: 'ChildError',
      code: 'odd_code',
      hint: 'Do it evenly.',
      message: 'an even number was expected',
    });
    expect(await all(child.run(job({ do: 'ignore-input' })))).toEqual(['done without it']);
  });

  it('should say how a child ended that was not asked to', async () => {
    await expect(all(start().run(job({ do: 'exit' })))).rejects.toMatchObject({
      code: 'child_crashed',
      message: expect.stringContaining('exit code 7'),
    });
  });

  it('should be killed by an abort, and raise its reason', async () => {
    const child = start();
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const values = child.run(job({ do: 'spin' }, Readable.from([]), {}, abort.signal));
    expect((await values.next()).value).toBe('spinning');
    abort.abort(reason);
    await expect(values.next()).rejects.toBe(reason);
    expect(await gone(child.pid, 2000)).toBe(true);
  });

  it('should be ended when its reader leaves early', async () => {
    const child = start();
    for await (const _value of child.run(job({ do: 'flood', values: 1e6, bytes: 100 }))) break;
    expect(await gone(child.pid, 2000)).toBe(true);
  });

  it('should be stopped by a slow reader instead of filling memory', async () => {
    const child = start();
    const before = process.memoryUsage.rss();
    const total = 400;
    const values = child.run(
      job({ do: 'flood', values: total, bytes: mebibyte }, Readable.from([]), { outputBytes: 1024 * mebibyte }),
    );
    await values.next();
    // Long enough for the child to send hundreds of megabytes, had it nothing to wait for.
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await child.rssBytes()).toBeLessThan(250 * mebibyte);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * mebibyte);
    let seen = 1;
    for await (const _value of values) seen += 1;
    expect(seen).toBe(total);
  });

  it('should not read ahead of a child that does not read', async () => {
    let given = 0;
    const source = new Readable({
      read() {
        given += mebibyte;
        this.push(Buffer.alloc(mebibyte));
      },
    });
    await expect(all(start().run(job({ do: 'spin' }, source, { wallMs: 500 })))).rejects.toBeInstanceOf(BoundError);
    expect(given).toBeLessThan(8 * mebibyte);
  });
});

describe('the permissions of a bounded child', () => {
  it('should refuse writing files', async () => {
    const target = path.join(tmpdir(), `bounded-child-${process.pid}`);
    await expect(all(start().run(job({ do: 'write-file', path: target })))).rejects.toMatchObject({
      code: 'ERR_ACCESS_DENIED',
    });
    expect(existsSync(target)).toBe(false);
  });

  it('should refuse reading files outside the code', async () => {
    await expect(all(start().run(job({ do: 'read-file', path: '/etc/passwd' })))).rejects.toMatchObject({
      code: 'ERR_ACCESS_DENIED',
    });
  });

  it('should refuse starting processes', async () => {
    await expect(all(start().run(job({ do: 'spawn' })))).rejects.toMatchObject({ code: 'ERR_ACCESS_DENIED' });
  });

  it('should not hand on the environment', async () => {
    process.env.MILLRACE_TEST_SECRET = 'secret';
    const [environment] = await all(start().run(job({ do: 'environment' })));
    delete process.env.MILLRACE_TEST_SECRET;
    expect(Object.keys(environment as object).sort()).toEqual(['NODE_ENV', 'PATH', 'TZ']);
  });
});

describe('an orphaned child', () => {
  it.each(['spin', 'wait'])('should be gone soon after its parent was killed (%s)', async (way) => {
    const script = fileURLToPath(new URL('./testing/parent.ts', import.meta.url));
    const parent = spawn(process.execPath, [script, way], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = await once(createInterface(parent.stdout), 'line');
    const pid = Number(line);
    expect(await gone(pid, 100)).toBe(false);
    parent.kill('SIGKILL');
    expect(await gone(pid, 3000)).toBe(true);
  });
});
